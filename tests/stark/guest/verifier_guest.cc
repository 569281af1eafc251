// The verifier as a guest: a run of it that ends well proves that somebody has a proof.
//
//   input    verifying key, statement, proof: of each its length in bytes, then the bytes
//   journal  digest of the key, bits of soundness (double), the statement's bytes
//
// SOUNDNESS: the input is the prover's choice, the key too; a reader of the journal knows the
// digest of the key that he means. What is made public is what verify() was given, written anew,
// and not the bytes that it was read from.
#include <fmt/core.h>
#include <zk/zk.h>

#include <vector>

#include "stark/hash/merkle_proof.h"
#include "stark/verifier/verifier.h"

namespace {

using namespace zkvm::stark;

std::vector<uint8_t> read_bytes() {
  std::vector<uint8_t> bytes(zk::read<uint32_t>());
  zk::read_into(bytes);
  return bytes;
}

// Numbers that 32 bits do not hold stay whole: two rows of 2^31 words.
static_assert([] {
  const MerkleShape shape{.log_size = 1, .width = uint32_t{1} << 31};
  const uint32_t indices[] = {0, 1};
  uint32_t scratch[4] = {};
  MerkleProofSize size;
  return merkle_proof_size(shape, indices, scratch, size) == MerkleCheck::kOk &&
         size.row_words == uint64_t{1} << 32;
}());

[[noreturn]] void refuse(const Error& error) {
  zk::fail(fmt::format("refused, error {}: {}", static_cast<int>(error.code), error.message));
}

/// Reads what Statement::serialise wrote; whether it fits the key is for verify() to say.
Statement parse_statement(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  Statement out;
  for (auto left = in.get<uint32_t>(); left > 0 && !in.failed(); --left) {
    PublicInteraction& item = out.publics.emplace_back();
    item.bus = in.get<uint16_t>();
    item.sign = static_cast<int8_t>(in.get<uint8_t>());
    item.multiplicity = in.get<uint32_t>();
    item.tuple.resize(in.get<uint8_t>());
    in.get_words(item.tuple);
  }
  for (auto left = in.get<uint16_t>(); left > 0 && !in.failed(); --left) {
    const auto slot = in.get<uint16_t>();
    out.shared.push_back({slot, in.get_digest()});
  }
  if (in.failed() || in.remaining() != 0) zk::fail("the statement has another length");
  return out;
}

}  // namespace

int main() {
  const auto key = VerifyingKey::parse(read_bytes());
  if (!key) refuse(key.error());
  const Statement statement = parse_statement(read_bytes());
  const std::vector<uint8_t> proof = read_bytes();
  const auto verified = verify(*key, statement, proof);
  if (!verified) refuse(verified.error());

  zk::commit(verified->key);
  zk::commit(verified->soundness.bits);
  zk::commit(statement.serialise());
}
