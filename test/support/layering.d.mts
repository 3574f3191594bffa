export declare function problemsOf(
  file: string,
  text: string,
  dependencies: string[],
): string[];
export declare function nameProblems(files: string[]): string[];
export declare function projectFiles(): string[];
export declare function layeringProblems(): string[];
