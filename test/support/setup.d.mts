/** The repository's folder, absolute, with a slash at its end. */
export declare const ROOT: string;
export declare function setUp(options?: {
  build?: boolean;
  say?: (line: string) => void;
}): void;
