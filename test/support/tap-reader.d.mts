export declare class TapReader {
  constructor(say: (line: string) => void, options?: { comments?: boolean });
  read(line: string): void;
  end(): { pass: number; fail: number; skip: number };
}
