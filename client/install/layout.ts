import type { Component } from '../format/manifest.ts';
import { modeOf } from '../format/manifest.ts';

/**
 * Paths below the components folder:
 *
 *   store/<content>/file-0755          a file, by its digest and mode
 *   store/<content>/tree/              a folder, by the digest of its canonical tar
 *   generations/<n>/<name>             link to ../../store/<content>/…
 *   generations/<n>/.release.json      what the generation holds
 *   current                            link to generations/<n>: the one switch
 *   baked/<n>/<name>                   what stood at an install path when it was adopted
 *   staging/<object>.part              a download that goes on
 *   staging/<object>                   a whole, verified object
 */
export interface Layout {
  components: string;
  store: string;
  generations: string;
  current: string;
  baked: string;
  staging: string;
}

export function layoutOf(components: string): Layout {
  return {
    components,
    store: `${components}/store`,
    generations: `${components}/generations`,
    current: `${components}/current`,
    baked: `${components}/baked`,
    staging: `${components}/staging`,
  };
}

/** `<content>/file-0755` or `<content>/tree`, below store/. */
export function storeName(component: Component): string {
  if (component.kind === 'directory') return `${component.content.sha256}/tree`;
  return `${component.content.sha256}/file-${octal(modeOf(component))}`;
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

export function storePath(layout: Layout, component: Component): string {
  return `${layout.store}/${storeName(component)}`;
}

/** Where the link "../../store/…" of a generation leads to. */
export function linkedPath({ components }: Layout, target: string): string {
  return `${components}/${target.replace(/^\.\.\/\.\.\//, '')}`;
}

export function objectFile(layout: Layout, sha256: string): string {
  return `${layout.staging}/${sha256}`;
}

export function partFile(layout: Layout, sha256: string): string {
  return `${layout.staging}/${sha256}.part`;
}
