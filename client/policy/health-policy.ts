import { printable, QxError } from '../format/error.ts';
import {
  HEALTH_TYPES,
  type HealthCheck,
  isKnownCheck,
  serviceOf,
  unknownFields,
} from '../format/health.ts';
import type { Component } from '../format/manifest.ts';

/** Fields by which a check could ask another machine. No type has them, and none is passed over in silence. */
const ADDRESSES = ['address', 'host', 'hostname', 'ip', 'server', 'uri', 'url'];

/**
 * The services that the checks of a component ask after; the host must allow them like those that it restarts.
 * QxError `not-for-host` for a check that names a host, `too-new` for a type or field that this version does not
 * know: a check that is passed over, or asks for less than its publisher wrote, would let a bad release stay.
 */
export function checkHealth(component: Component, where: string): string[] {
  const services: string[] = [];
  for (const check of component.health ?? []) {
    if (!isKnownCheck(check)) throw tooNew(component, `type "${check.type}"`, where);
    refuseUnknownFields(component, check, where);
    const service = check.type === 'service' ? serviceOf(check, component) : undefined;
    if (service !== undefined) services.push(service);
  }
  return services;
}

function refuseUnknownFields(
  component: Component,
  check: HealthCheck,
  where: string,
): void {
  const unknown = unknownFields(check);
  const address = unknown.find((field) => ADDRESSES.includes(field.toLowerCase()));
  if (address !== undefined) {
    throw new QxError('not-for-host', `${component.name}: a health check of a host`, {
      where,
      expected: 'a port of this host, asked at 127.0.0.1',
      found: `"${address}" in a check of type "${check.type}"`,
      hint: 'nothing was changed; the publisher takes the field away',
    });
  }
  const [field] = unknown;
  if (field !== undefined)
    throw tooNew(
      component,
      `"${printable(field, 64)}" in a check of type "${check.type}"`,
      where,
    );
}

function tooNew(component: Component, found: string, where: string): QxError {
  return new QxError(
    'too-new',
    `${component.name}: a health check that this version does not know`,
    {
      where,
      expected: `one of ${HEALTH_TYPES.join(', ')}, with the fields of its type`,
      found,
      hint: 'update qx-update itself first',
    },
  );
}
