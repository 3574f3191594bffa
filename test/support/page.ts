import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';

/**
 * As much of a browser's document as the page in repo-template uses: elements with properties, children,
 * listeners and text. Setting innerHTML throws: what the page shows is not trusted.
 */
export class Element {
  tag: string;
  children: (Element | string)[] = [];
  hidden = false;
  href: string | undefined;
  className: string | undefined;
  #listeners = new Map<string, () => unknown>();

  constructor(tag: string) {
    this.tag = tag;
  }

  append(...children: (Element | string)[]): void {
    this.children.push(...children);
  }

  replaceChildren(...children: (Element | string)[]): void {
    this.children = children;
  }

  addEventListener(name: string, listener: () => unknown): void {
    this.#listeners.set(name, listener);
  }

  /** What a click, or the opening of details, sets off; awaited. */
  async fire(name: string): Promise<void> {
    await this.#listeners.get(name)?.();
  }

  get textContent(): string {
    return this.children
      .map((child) => (child instanceof Element ? child.textContent : child))
      .join(' ');
  }

  set textContent(text: string) {
    this.children = [text];
  }

  set innerHTML(_text: string) {
    throw new Error('innerHTML is set');
  }

  all(tag: string): Element[] {
    const below = this.children.filter((child) => child instanceof Element);
    return below.flatMap((child) => [
      ...(child.tag === tag ? [child] : []),
      ...child.all(tag),
    ]);
  }
}

export interface ShownPage {
  main: Element;
  title: Element;
  documentTitle: string;
  /** Paths that were asked for, in order. */
  asked: string[];
}

/** Runs the page's script over a tree on disk, as a browser that loaded it from `base` would. */
export async function showPage(
  html: string,
  tree: string,
  base: string,
): Promise<ShownPage> {
  const script = /<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? '';
  const byId: Record<string, Element> = {
    main: new Element('main'),
    title: new Element('h1'),
  };
  const document = {
    title: '',
    createElement: (tag: string) => new Element(tag),
    getElementById: (id: string) => byId[id],
  };
  const asked: string[] = [];
  const fetch = (name: string): Promise<object> => {
    asked.push(name);
    return Promise.resolve(answer(path.join(tree, name)));
  };
  const location = { href: base, protocol: new URL(base).protocol };
  const sandbox = { document, fetch, location, URL, Element };
  const running = vm.runInNewContext(
    script.replace('void start();', 'start();'),
    sandbox,
  ) as Promise<void>;
  await running;
  const [main, title] = [byId.main, byId.title];
  if (main === undefined || title === undefined) throw new Error('unreachable');
  return { main, title, documentTitle: document.title, asked };
}

function answer(file: string): object {
  if (!fs.existsSync(file)) return { ok: false, status: 404 };
  const text = fs.readFileSync(file, 'utf8');
  return {
    ok: true,
    status: 200,
    json: () => Promise.resolve(JSON.parse(text) as unknown),
  };
}
