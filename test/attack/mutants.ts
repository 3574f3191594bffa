import type { Sabotage } from '../support/broken-client.ts';

/** Clients that leave out one check each, and the story that must catch each of them. */
export interface Mutant extends Sabotage {
  leavesOut: string;
  /** File of the story, below test/attack. */
  in: string;
  story: string;
}

export const MUTANTS: Mutant[] = [
  {
    leavesOut: 'the threshold',
    file: 'client/format/trust.ts',
    from: 'if (ids.length >= wanted.threshold) return ids;',
    to: 'if (ids.length >= 1) return ids;',
    in: 'pointers.test.ts',
    story: 'stable needs two people, and one of them signs',
  },
  {
    leavesOut: 'the signatures of the last root on the next',
    file: 'client/format/trust.ts',
    from: "verifyRole(trusted, 'root', bytes, blocks, where);",
    to: '',
    in: 'roots.test.ts',
    story: 'root 2 brings the keys of a thief and only the thief signed it',
  },
  {
    leavesOut: 'the signatures of the next root on itself',
    file: 'client/format/trust.ts',
    from: "verifyRole(next, 'root', bytes, blocks, where);",
    to: '',
    in: 'roots.test.ts',
    story: 'root 2 brings new keys and only the old ones signed it',
  },
  {
    leavesOut: 'the version of the next root',
    file: 'client/format/trust.ts',
    from: 'if (next.version !== trusted.version + 1) {',
    to: 'if (false) {',
    in: 'roots.test.ts',
    story: 'root n+2 is served under the name of n+1',
  },
  {
    leavesOut: 'one key under two ids',
    file: 'client/format/root.ts',
    from: 'if (twin !== undefined) {',
    to: 'if (false) {',
    in: 'roots.test.ts',
    story: 'one key stands in a root under two ids, and both sign',
  },
  {
    leavesOut: 'the serial',
    file: 'client/policy/pointer-policy.ts',
    from: 'if (seen === undefined || pointer.serial > seen.serial) return;',
    to: 'if (seen !== pointer) return;',
    in: 'pointers.test.ts',
    story: 'a mirror serves the pointer of yesterday',
  },
  {
    leavesOut: 'the expiry of the pointer',
    file: 'client/reader/pointer.ts',
    from: 'if (Date.parse(pointer.expires) > now) return;',
    to: 'if (now > 0) return;',
    in: 'pointers.test.ts',
    story: 'a pointer is good up to its last second',
  },
  {
    leavesOut: 'the channel of the pointer',
    file: 'client/reader/pointer.ts',
    from: "for (const field of ['repository', 'product', 'channel'] as const) {",
    to: "for (const field of ['repository', 'product'] as const) {",
    in: 'pointers.test.ts',
    story: 'the pointer of beta is served as the one of stable',
  },
  {
    leavesOut: 'the signature of the manifest',
    file: 'client/reader/manifest.ts',
    from: "verifyRole(root, 'release', bytes, blocks, where);",
    to: '',
    in: 'releases.test.ts',
    story: 'the thief of the channel key signs a manifest',
  },
  {
    leavesOut: 'the floor',
    file: 'client/policy/release-policy.ts',
    from: 'if (manifest.release >= host.floor) return;',
    to: 'if (manifest.release >= 0) return;',
    in: 'releases.test.ts',
    story: 'the thief of the channel key steps back below the floor',
  },
  {
    leavesOut: 'who else could change the configuration',
    file: 'client/config/foreign-hands.ts',
    from: 'if (hand !== undefined) throw inForeignHands(path, step, hand);',
    to: '',
    in: 'hands.test.ts',
    story: 'the configuration is another user’s, or open to all',
  },
  {
    leavesOut: 'whose the files are that it has written',
    file: 'client/effects/files.ts',
    from: 'if (why === undefined) return file;',
    to: 'if (file > 0) return file;',
    in: 'links.test.ts',
    story: 'a root of a thief lies among the accepted ones',
  },
  {
    leavesOut: 'the signed size of what is unpacked',
    file: 'client/content/decode.ts',
    from: 'if (size > content.size) refuseSize(content, `more than ${content.size} bytes`);',
    to: '',
    in: 'contents.test.ts',
    story: 'a bomb is well signed: hundreds of megabytes under a small size',
  },
  {
    leavesOut: 'to whom credentials are shown',
    file: 'client/reader/redirects.ts',
    from: 'authorization: same ? hop.authorization : undefined,',
    to: 'authorization: hop.authorization,',
    in: 'transport.test.ts',
    story: 'a server sends the client to a host that collects credentials',
  },
  {
    leavesOut: 'the look at the pointer whatever is known of it',
    file: 'client/look.ts',
    from: 'const how = looks.due ? { fresh: true } : known?.request;',
    to: 'const how = known?.request;',
    in: 'transport.test.ts',
    story: 'a cache was poisoned once: the pointer of yesterday under the tag of today',
  },
];
