export declare const PROGRAMS: Record<string, string>;
export declare function whereIs(name: string): string | undefined;
export declare function missingPrograms(names?: string[]): string[];
export declare function installMissing(say?: (line: string) => void): string[];
