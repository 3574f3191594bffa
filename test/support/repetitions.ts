/** What is random says its seed, and takes this one where it is given. */
export const SEED = Number(process.env.QX_TEST_SEED) || 20_261_125;

/** How many times more often than in `npm test` things are done: what the nightly run says. */
export const TIMES = Number(process.env.QX_TEST_TIMES) || 1;

/** True where each repetition of a boot is done, not one of its kind: in the nightly run. */
export const ALL_BOOTS = process.env.QX_BOOT_REPETITIONS === 'all';
