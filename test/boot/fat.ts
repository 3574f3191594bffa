import fs from 'node:fs';
import path from 'node:path';
import { run } from '../support/process.ts';
import { whereIs } from '../support/programs.mjs';

/** Name in the folder → what the file holds; the names are written in this order. */
export type Contents = Record<string, string | Buffer>;

/** A FAT of so many sectors in an image file, with these files in one folder. Passes through `dir`. */
export async function makeFat(
  dir: string,
  image: string,
  sectors: number,
  offset: number,
  folder: string,
  contents: Contents,
): Promise<void> {
  if (offset === 0) {
    fs.writeFileSync(image, '');
    fs.truncateSync(image, sectors * 512);
  }
  await must('mformat', [...at(image, offset), '-T', `${sectors}`, '-c', '8', '::']);
  if (folder !== '::/') await must('mmd', [...at(image, offset), folder]);
  await addToFat(dir, image, offset, folder, contents);
  fs.chmodSync(image, 0o666);
}

/** Files in a folder of it, "::/grub"; those of the same name are replaced. */
export async function addToFat(
  dir: string,
  image: string,
  offset: number,
  folder: string,
  contents: Contents,
): Promise<void> {
  const sources = Object.entries(contents).map(([name, content]) => {
    const source = path.join(dir, name);
    fs.writeFileSync(source, content);
    return source;
  });
  await must('mcopy', ['-o', ...at(image, offset), ...sources, folder]);
}

function at(image: string, offset: number): string[] {
  return ['-i', `${image}@@${offset}`];
}

/** A program to its end, with what it printed; throws when that is not 0. */
export async function must(program: string, args: string[], input = ''): Promise<string> {
  const { status, stdout, stderr } = await run(whereIs(program) ?? program, args, {
    input,
    timeoutMs: 300_000,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}
