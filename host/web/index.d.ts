/** The verifier of zkvm's receipts: host/zkvm_verify_c.h, as WebAssembly. For browsers and for Node from 20 on. */

/** Bytes of anybody. */
export type Bytes = Uint8Array | ArrayBuffer;

export interface Options {
  /** The least proven security that is accepted, in bits; 128. */
  securityBits?: number;
  /** The widest regime in which it is accepted: "johnson", or "unique" (decoding), which needs longer receipts. */
  regime?: "johnson" | "unique";
  /**
   * What the program says of its model (NAME.model.json of `zkvm import`), from anybody: it is held against the receipt.
   * With it `outputs` are there; the program must have exited with 0 then.
   */
  model?: Bytes | string;
}

/** An output of a model, as the journal has it. */
export interface Output {
  /** Its number of examples stands first where a run takes several. */
  shape: number[];
  type: "int8" | "uint8" | "int32" | "float32";
  /** Elements as the guest has them. */
  values: Int8Array | Uint8Array | Int32Array | Float32Array;
  /** Elements as the model means them: scale * (value - zeroPoint); null: integers without a scale. */
  reals: Float32Array | null;
  scale: number | null;
  zeroPoint: number;
  /** Of the greatest of each row, or of each element where that is a label's number; null: it has none. */
  labels: string[] | null;
}

/** What a true receipt proves: the program with this image id, on some input, committed this journal and exited so. */
export interface Verification {
  /** 64 hex digits: the one that was asked for. */
  imageId: string;
  /** Look at it: it need not be 0. */
  exitCode: number;
  journal: Uint8Array;
  /** Proven, of the whole receipt. */
  securityBits: number;
  /** In which they are proven: "unique decoding" or "Johnson". */
  regime: string;
  /** What that rests on beside the random oracle, in a line. */
  assumption: string;
  segments: number;
  /** BLAKE3 of what the program says of its model, 64 hex digits; null: it says nothing. */
  model: string | null;
  /** By name, where a description of the model was given; else null. (Names that are numbers come first, as in any object.) */
  outputs: Record<string, Output> | null;
  /** Then: the commitment to private weights, 64 hex digits; null: they are public. */
  modelId: string | null;
  /** Then: BLAKE3 of the inputs; null: they are private. */
  inputDigest: string | null;
  /** Of this verification, by the wall clock, without what loading the module took. */
  milliseconds: number;
}

export type Code =
  | "malformed-receipt" | "invalid-receipt" | "wrong-program" | "insecure"
  | "malformed-model" | "wrong-model" | "unfit-tensors"
  | "receipt-too-large" | "out-of-memory" | "internal";

/** Why there is no Verification. `message` is one line. */
export class VerifyError extends Error {
  constructor(code: Code, message: string);
  readonly name: "VerifyError";
  readonly code: Code;
  /** The place: "receipt: segment 3"; may be empty. */
  readonly where: string;
  /** What is wrong there, or has another value than expected. */
  readonly what: string;
  readonly expected: string | null;
  readonly found: string | null;
  /** Whether the receipt was refused, as against the description of the model, or this machine's memory. */
  readonly isOfReceipt: boolean;
}

/** 64 MiB. Longer receipts are refused, with "receipt-too-large", before anything is copied. */
export const MAX_RECEIPT_BYTES: number;

/**
 * Checks every byte of a receipt, as it is at the call.
 *
 * @param imageId of the program that it must be of, which the caller knows: 32 bytes, or 64 hex digits as `zkvm id` prints
 *   them, with or without 0x. Never take it from where the receipt comes from.
 * @throws VerifyError (a rejected promise). TypeError and RangeError: arguments that are none.
 */
export function verify(receipt: Bytes, imageId: string | Bytes, options?: Options): Promise<Verification>;

/** The BLAKE3 of these bytes, 64 hex digits: by it descriptions of models and public inputs are named. */
export function blake3(data: Bytes): Promise<string>;

/**
 * Loads the module, which the first call does otherwise. `source`: its bytes, or a WebAssembly.Module of them, where they are
 * not beside this file.
 */
export function load(source?: Bytes | object): Promise<void>;

/** "0.1.0" */
export function version(): Promise<string>;
