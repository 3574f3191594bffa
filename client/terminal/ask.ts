import { createInterface } from 'node:readline';

/** The line that a person types as the answer, "" for none; null where nobody sits at a terminal. */
export async function ask(
  { stdin, stderr }: Pick<NodeJS.Process, 'stdin' | 'stderr'>,
  question: string,
): Promise<string | null> {
  if (!stdin.isTTY) return null;
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return await new Promise<string>((resolve) => {
      lines.once('close', () => resolve('')).once('SIGINT', () => lines.close());
      lines.question(question, resolve);
    });
  } finally {
    lines.close();
  }
}
