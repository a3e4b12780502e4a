import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { Edition, FeatureSet_FieldPresence, hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";

/** An object whose properties are looked up by names from a descriptor, or by the keys of its JSON. */
export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

export const timestampName = "google.protobuf.Timestamp";

/** A message that says its own type, as a descriptor has it. */
export function isOfType(value: unknown, desc: DescMessage): value is Message & Fields {
  return isFields(value) && value.$typeName === desc.typeName;
}

/** Messages of proto3 are plain objects: an unset field with presence is a missing property. */
export function isPlain(desc: DescMessage): boolean {
  return desc.file.edition === Edition.EDITION_PROTO3;
}

/**
 * Whether the values of a field are what its kind suggests, in messages and in JSON. Not so maps, 64-bit integers that
 * are strings, and the well-known types except for `google.protobuf.Timestamp`: they are left to protobuf-es.
 */
export function isCommon(field: DescField): boolean {
  return (
    field.fieldKind !== "map" &&
    !("longAsString" in field && field.longAsString) &&
    field.enum?.typeName !== "google.protobuf.NullValue" &&
    (field.message === undefined ||
      field.message.typeName === timestampName ||
      !hasCustomJsonRepresentation(field.message))
  );
}

/** Whether a field can be unset, rather than have its default value. */
export function isTracked(field: DescField): boolean {
  return field.presence !== FeatureSet_FieldPresence.IMPLICIT;
}
