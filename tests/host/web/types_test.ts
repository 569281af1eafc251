// What a program in TypeScript may write; tests/host/web/run.sh compiles it and does not run it.
import { blake3, load, MAX_RECEIPT_BYTES, verify, VerifyError, version, type Code, type Verification } from "zkvm-verify";

export async function digit(receipt: ArrayBuffer, model: string): Promise<number> {
  if (receipt.byteLength > MAX_RECEIPT_BYTES) return -1;
  await load();
  try {
    const proven: Verification = await verify(receipt, "00".repeat(32), { securityBits: 128, regime: "unique", model });
    const outputs = proven.outputs ?? {};
    return proven.exitCode === 0 ? outputs["logits"]?.values[0] ?? -1 : -1;
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    const code: Code = error.code;
    throw new Error(`${code} ${error.where} ${error.expected ?? ""} ${await version()} ${await blake3(new Uint8Array())}`);
  }
}

// @ts-expect-error an image id is always asked for
void verify(new Uint8Array());
// @ts-expect-error no such regime
void verify(new Uint8Array(), "", { regime: "Johnson" });
