/** What a file beside a release is, told by its own bytes. */

const CYCLONEDX = 'http://cyclonedx.org/schema/bom/';
const SIGSTORE = 'application/vnd.dev.sigstore.bundle';

type Fields = Readonly<Record<string, unknown>>;

/** The media type of a software bill of materials, CycloneDX or SPDX; null for anything else. */
export function recogniseSbom(bytes: Buffer): string | null {
  const text = textOf(bytes);
  const json = asJson(text);
  if (json !== null) return sbomInJson(json);
  if (isCycloneDxXml(text)) return 'application/vnd.cyclonedx+xml';
  return isTagValue(text) ? 'text/spdx' : null;
}

/** The media type of an in-toto statement (SLSA provenance is one), bare, in a DSSE envelope, or in a Sigstore bundle. */
export function recogniseProvenance(bytes: Buffer): string | null {
  const json = asJson(textOf(bytes));
  if (json === null) return null;
  if (isStatement(json)) return 'application/vnd.in-toto+json';
  if (isEnvelope(json)) return 'application/vnd.dsse.envelope.v1+json';
  const { mediaType, dsseEnvelope } = json;
  const isBundle = typeof mediaType === 'string' && mediaType.startsWith(SIGSTORE);
  return isBundle && isEnvelope(fieldsOf(dsseEnvelope)) ? mediaType : null;
}

/** Without the mark that some editors put before it. */
function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

function asJson(text: string): Fields | null {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function sbomInJson(json: Fields): string | null {
  if (json.bomFormat === 'CycloneDX' && typeof json.specVersion === 'string')
    return 'application/vnd.cyclonedx+json';
  return isSpdx2(json) || isSpdx3(json) ? 'application/spdx+json' : null;
}

function isSpdx2({ spdxVersion, SPDXID }: Fields): boolean {
  return /^SPDX-2\.\d+$/.test(String(spdxVersion)) && SPDXID === 'SPDXRef-DOCUMENT';
}

function isSpdx3(json: Fields): boolean {
  const context = [json['@context']].flat();
  const isSpdx = context.some((each) =>
    String(each).startsWith('https://spdx.org/rdf/3.'),
  );
  return isSpdx && Array.isArray(json['@graph']);
}

/** The root element in the name space of CycloneDX, with or without a prefix, and closed: the file is not cut short. */
function isCycloneDxXml(text: string): boolean {
  const prolog = /^\s*(?:<\?[^>]*\?>\s*|<!--[^]*?-->\s*)*/.exec(text)?.[0] ?? '';
  const root = /^<((?:[A-Za-z_][\w.-]*:)?bom)\s([^>]*)>/.exec(text.slice(prolog.length));
  const [, element = '', attributes = ''] = root ?? [];
  const [prefix, name] = element.split(':');
  const declared = name === undefined ? 'xmlns' : `xmlns:${prefix}`;
  const spaced = attributes.replace(/\s*=\s*/g, '=').replaceAll("'", '"');
  return (
    spaced.includes(`${declared}="${CYCLONEDX}`) &&
    text.trimEnd().endsWith(`</${element}>`)
  );
}

function isTagValue(text: string): boolean {
  return (
    /^(?:[ \t\r]*(?:#[^\n]*)?\n)*SPDXVersion:[ \t]*SPDX-2\.\d+[ \t]*\r?\n/.test(text) &&
    /^SPDXID:[ \t]*SPDXRef-DOCUMENT[ \t]*\r?$/m.test(text)
  );
}

function isStatement(json: Fields): boolean {
  return (
    /^https:\/\/in-toto\.io\/Statement\/v(?:0\.1|1)$/.test(String(json._type)) &&
    typeof json.predicateType === 'string' &&
    Array.isArray(json.subject) &&
    json.subject.length > 0
  );
}

/** Signed by whomever: the envelope is published as it is, and judged by those who know its signers. */
function isEnvelope({ payloadType, payload, signatures }: Fields): boolean {
  if (payloadType !== 'application/vnd.in-toto+json' || typeof payload !== 'string')
    return false;
  const statement = asJson(Buffer.from(payload, 'base64').toString('utf8'));
  const isSigned = Array.isArray(signatures) && signatures.length > 0;
  return isSigned && statement !== null && isStatement(statement);
}
