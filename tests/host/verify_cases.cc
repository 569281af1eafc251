// Writes FILE of verify_cases.h:   host_verify_cases FILE SEED MUTATIONS
#include "tests/host/verify_cases.h"

#include <zk/check.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "host/zkvm_verify_c.h"
#include "tests/host/hollow_receipt.h"
#include "tests/host/receipt_mutator.h"
#include "tests/host/true_receipt.h"

namespace zkvm::test {
namespace {

using Bytes = std::vector<uint8_t>;

class Writer {
 public:
  template <class T>
  Writer& put(T value) {
    const auto raw = std::bit_cast<std::array<uint8_t, sizeof(T)>>(value);
    return append(raw);
  }
  Writer& put_bytes(std::span<const uint8_t> bytes) {
    return put(static_cast<uint32_t>(bytes.size())).append(bytes);
  }
  Writer& append(std::span<const uint8_t> bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  [[nodiscard]] const Bytes& bytes() const { return out_; }

 private:
  Bytes out_;
};

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

uint32_t c_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformedReceipt:
      return ZKVM_MALFORMED_RECEIPT;
    case ErrorCode::kInvalidReceipt:
      return ZKVM_INVALID_RECEIPT;
    case ErrorCode::kWrongProgram:
      return ZKVM_WRONG_PROGRAM;
    case ErrorCode::kInsecure:
      return ZKVM_INSECURE;
    default:
      ZK_CHECK(false && "no verdict on a receipt");
      return 0;
  }
}

uint32_t c_regime(Regime regime) { return regime == Regime::kUnique ? ZKVM_UNIQUE : ZKVM_JOHNSON; }

}  // namespace

void VerifyCases::add(const Bytes& receipt, const ImageId& id, const VerifyOptions& options) {
  const size_t common = std::min(receipt.size(), good_.size());
  size_t prefix = 0, suffix = 0;
  while (prefix < common && receipt[prefix] == good_[prefix]) ++prefix;
  while (suffix < common - prefix &&
         receipt[receipt.size() - 1 - suffix] == good_[good_.size() - 1 - suffix])
    ++suffix;
  const auto verdict = verify(receipt, id, options);
  Writer out;
  out.append(id).put(options.security_bits).put(c_regime(options.regime));
  out.put(static_cast<uint32_t>(prefix)).put(static_cast<uint32_t>(suffix));
  out.put_bytes(std::span(receipt).subspan(prefix, receipt.size() - prefix - suffix));
  out.put(verdict ? uint32_t{ZKVM_OK} : c_code(verdict.error().code));
  out.put_bytes(bytes_of(verdict ? std::string_view() : verdict.error().message));
  if (verdict) {
    out.put(verdict->exit_code).put(verdict->security_bits).put(c_regime(verdict->regime));
    out.put(verdict->segments).put_bytes(verdict->journal);
    out.put_bytes(verdict->model ? std::span<const uint8_t>(*verdict->model)
                                 : std::span<const uint8_t>());
  }
  cases_.insert(cases_.end(), out.bytes().begin(), out.bytes().end());
  ++count_;
}

Bytes VerifyCases::file() const {
  return Writer().append(bytes_of("ZKVC")).put_bytes(good_).put(count_).append(cases_).bytes();
}

namespace {

void add_true(VerifyCases& cases, const TrueReceipt& sample) {
  for (const double bits : {0.0, 1.0, kTrueBits, 40.0, 128.0, 1e300})
    for (const Regime regime : {Regime::kUnique, Regime::kJohnson})
      cases.add(sample.bytes, sample.id, {.security_bits = bits, .regime = regime});
  for (size_t byte = 0; byte < 32; ++byte) {
    ImageId other = sample.id;
    other[byte] ^= 0x80;
    cases.add(sample.bytes, other, {.security_bits = 0});
  }
  // The same proofs, of the program that says something of its model.
  auto image = stark::machine::Image::parse(sample.image).value();
  image.model = stark::blake3_hash(Bytes{'1'});
  Receipt receipt = sample.receipt;
  const Bytes with = image.serialise();
  receipt.image = with;
  cases.add(serialise(receipt), to_api(image.id()), {.security_bits = kTrueBits});
}

// What is no receipt, or has another file's beginning.
void add_garbage(VerifyCases& cases, const TrueReceipt& sample) {
  const auto add = [&](const Bytes& bytes) {
    cases.add(bytes, sample.id, {.security_bits = kTrueBits});
  };
  add({});
  add({0});
  add(true_program());
  add(Bytes(1 << 16));
  add(Bytes(1 << 16, 0xff));
  for (const std::string_view text : {"ZKVR", "ZKVK", "ZKPF", "\x7f" "ELF", "hello", "{}", "PK\3\4"}) {
    const auto bytes = bytes_of(text);
    add({bytes.begin(), bytes.end()});
    Bytes begun = sample.bytes;
    std::ranges::copy(bytes, begun.begin());
    add(begun);
  }
  HollowReceipt hollow;
  hollow.image.runs = {{0, 1, stark::machine::BankKind::kPartial}};
  stark::Params params;
  params.queries = 20;
  hollow.segments.assign(2, {{1}, params, {{0, 14}}});
  cases.add(hollow.bytes(), hollow.id(), {.security_bits = 0});
  cases.add(hollow.bytes(), hollow.id(), {});
}

int write(const char* path, uint64_t seed, uint64_t mutations) {
  const TrueReceipt sample({41, 0, 0, 0});
  VerifyCases cases(sample.bytes);
  add_true(cases, sample);
  add_garbage(cases, sample);
  ReceiptMutator mutator(sample.bytes, seed);
  std::string what;
  for (uint64_t i = 0; i < mutations; ++i)
    cases.add(mutator.next(what), sample.id, {.security_bits = kTrueBits});
  const Bytes file = cases.file();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  out.close();
  return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace zkvm::test

int main(int argc, char** argv) {
  ZK_CHECK(argc == 4);
  return zkvm::test::write(argv[1], std::stoull(argv[2]), std::stoull(argv[3]));
}
