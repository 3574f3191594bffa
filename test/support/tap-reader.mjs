/**
 * Reads what `tap run --reporter=tap` prints, one line at a time. Says a line for each finished file,
 * everything about a file that failed, and the reason of every skip. Counts what tap counts: assertions
 * and tests without any.
 */
export class TapReader {
  #say;
  #block = [];
  #diagnostic = false;
  #totals = undefined;
  /** Files that hold no test: tap calls them skipped. */
  #empty = 0;
  #comments;

  /** With `comments`, what passed tests say as well: seeds, counts and tables. */
  constructor(say, { comments = false } = {}) {
    this.#say = say;
    this.#comments = comments;
  }

  read(line) {
    const totals = /^# \{ total: (\d+)(.*)\}\s*$/.exec(line);
    if (totals !== null) this.#totals = parseTotals(totals[2]);
    const point = /^(not )?ok \d+ - (.*)$/.exec(line);
    if (point !== null) this.#endOfFile(point[1] === undefined, point[2]);
    else if (this.#diagnostic || /^ {2}---$/.test(line)) this.#readDiagnostic(line);
    else this.#block.push(line);
  }

  /** After the last line: `{pass, fail, skip}`; tests marked todo count as skipped. */
  end() {
    const { pass, fail, skip } = this.#totals ?? { pass: 0, fail: 1, skip: 0 };
    return { pass, fail: fail + this.#empty, skip: skip - this.#empty };
  }

  #endOfFile(passed, text) {
    const { name, time, directive } = parsePoint(text);
    if (/ # SKIP no tests found$/.test(directive)) {
      this.#empty += 1;
      this.#say(`not ok ${name} has no test`);
      this.#block = [];
      return;
    }
    this.#say(`${passed ? 'ok    ' : 'not ok'} ${name} ${time}${directive}`);
    for (const line of this.#block) {
      if (/# (?:SKIP|TODO)/i.test(line)) this.#say(`       ${skipText(line)}`);
    }
    const more = passed
      ? commentLines(this.#comments ? this.#block : [])
      : failureLines(this.#block);
    for (const line of more) this.#say(`  ${line}`);
    this.#block = [];
  }

  /** How tap started a file says nothing that the file's own lines do not say. */
  #readDiagnostic(line) {
    this.#diagnostic = !/^ {2}\.\.\.$/.test(line);
    if (/^ {2}(?:exitCode|signal|error|timeout|failure|tapError): (?!null|0$)/.test(line))
      this.#say(line);
  }
}

function parseTotals(text) {
  const of = (key) => Number(new RegExp(`${key}: (\\d+)`).exec(text)?.[1] ?? 0);
  return { pass: of('pass'), fail: of('fail'), skip: of('skip') + of('todo') };
}

function parsePoint(text) {
  const time = /# time=([\d.]+)ms/.exec(text)?.[1];
  const name = text.replace(/ # .*$/, '').replace(/ \{$/, '');
  return {
    name,
    time: time === undefined ? '' : `${(Number(time) / 1000).toFixed(1)} s`,
    directive: / # (?:SKIP|TODO).*$/i.exec(text)?.[0] ?? '',
  };
}

function skipText(line) {
  const [, name, reason] = /ok \d+ - (.*?) # (?:SKIP|TODO)\s*(.*)$/i.exec(line) ?? [];
  return name === undefined
    ? line.trim()
    : `skipped: ${name}, ${reason === '' ? 'not written yet' : reason}`;
}

function commentLines(lines) {
  return lines.filter((line) => /^\s*# (?!Subtest: |time=)/.test(line));
}

/** Without the test points that passed, whose number would hide the failure. */
function failureLines(lines) {
  return lines.filter(
    (line) => line.trim() !== '' && !/^\s*(?:ok \d+ - |\d+\.\.\d+$|# time=)/.test(line),
  );
}
