import { QxError } from '../format/error.ts';

declare const QX_BUILD_GRUB_CFG: string;

/** overlay/boot/grub/grub.cfg, which the build puts into the program. QxError `defect` where it did not. */
export function ownGrubCfg(): Buffer {
  if (typeof QX_BUILD_GRUB_CFG === 'string') return Buffer.from(QX_BUILD_GRUB_CFG);
  throw new QxError('defect', 'this program was made without grub.cfg', {
    expected: 'one that client/build.mjs made',
  });
}
