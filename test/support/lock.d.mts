export declare function tryLock(folder: string): (() => void) | undefined;
export declare function takeLock(folder: string, say: (line: string) => void): () => void;
