// The C face of the verifier. Exceptions end here: the only one that leaves the C++ API is std::bad_alloc.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/model_tensors.h"
#include "host/zkvm_verify.h"
#include "host/zkvm_verify_c.h"

namespace zkvm {
namespace {

constexpr int code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOutOfMemory:
      return ZKVM_OUT_OF_MEMORY;
    case ErrorCode::kMalformedReceipt:
      return ZKVM_MALFORMED_RECEIPT;
    case ErrorCode::kInvalidReceipt:
      return ZKVM_INVALID_RECEIPT;
    case ErrorCode::kWrongProgram:
      return ZKVM_WRONG_PROGRAM;
    case ErrorCode::kInsecure:
      return ZKVM_INSECURE;
    case ErrorCode::kMalformedModel:
      return ZKVM_MALFORMED_MODEL;
    case ErrorCode::kWrongModel:
      return ZKVM_WRONG_MODEL;
    case ErrorCode::kUnfitTensors:
      return ZKVM_UNFIT_TENSORS;
    case ErrorCode::kUnreadable:
    case ErrorCode::kUnwritable:
    case ErrorCode::kTooLarge:
    case ErrorCode::kMalformedElf:
    case ErrorCode::kUnfitElf:
    case ErrorCode::kOtherProof:
    case ErrorCode::kMalformedJob:
    case ErrorCode::kInvalidSegment:
    case ErrorCode::kCancelled:
    case ErrorCode::kMalformedArray:
    case ErrorCode::kUnfitSalt:
      break;  // no function here has it
  }
  return ZKVM_INTERNAL;
}

// Of UTF-8, without half a character at the end.
void say(char* message, std::string_view text) {
  if (message == nullptr) return;
  size_t length = std::min<size_t>(text.size(), ZKVM_MESSAGE_BYTES - 1);
  if (length < text.size())
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  std::memcpy(message, text.data(), length);
  message[length] = 0;
}

int refuse(char* message, int code, std::string_view text) {
  say(message, text);
  return code;
}

int refuse(char* message, const Error& error) {
  return refuse(message, code_of(error.code), error.message);
}

// What `body` returns; its exceptions as codes.
template <class Body>
int guarded(char* message, Body body) noexcept {
  say(message, "");
#if defined(__cpp_exceptions)
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return refuse(message, ZKVM_OUT_OF_MEMORY, "memory: expected more, found none");
  } catch (...) {
    return refuse(message, ZKVM_INTERNAL, "the verifier failed: a defect of it");
  }
#else  // WebAssembly: host/web/memory.cc
  return body();
#endif
}

std::optional<VerifyOptions> options_of(const zkvm_verify_options& options) {
  if (!(options.security_bits >= 0)) return {};
  if (options.regime != ZKVM_UNIQUE && options.regime != ZKVM_JOHNSON) return {};
  return VerifyOptions{
      .security_bits = options.security_bits,
      .regime = options.regime == ZKVM_UNIQUE ? Regime::kUnique : Regime::kJohnson};
}

int32_t regime_of(Regime regime) {
  return regime == Regime::kUnique ? ZKVM_UNIQUE : ZKVM_JOHNSON;
}

// What a caller sees, and what its pointers lead to.
struct OwnedVerification : zkvm_verification {
  std::vector<uint8_t> journal_of;
};

std::unique_ptr<OwnedVerification> owned(Verification&& from) {
  static constexpr uint8_t kNothing = 0;
  auto out = std::make_unique<OwnedVerification>();
  out->journal_of = std::move(from.journal);
  zkvm_verification& face = *out;
  face.journal = out->journal_of.empty() ? &kNothing : out->journal_of.data();
  face.journal_bytes = out->journal_of.size();
  face.security_bits = from.security_bits;
  face.exit_code = from.exit_code;
  face.regime = regime_of(from.regime);
  face.segments = from.segments;
  face.has_model = from.model ? 1 : 0;
  if (from.model) std::ranges::copy(*from.model, face.model);
  return out;
}

struct OwnedOutputs : zkvm_outputs {
  ModelInfo info;
  std::vector<OutputValues> values;
  std::vector<std::vector<uint8_t>> bytes;              // narrow elements
  std::vector<std::vector<const char*>> label_pointers;
  std::vector<zkvm_output> faces;
  std::vector<uint8_t> digests;
};

int32_t type_of(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
      return ZKVM_INT8;
    case TensorType::kUint8:
      return ZKVM_UINT8;
    case TensorType::kInt32:
      return ZKVM_INT32;
    case TensorType::kFloat32:
      return ZKVM_FLOAT32;
  }
  return -1;
}

zkvm_output face_of(const OutputValues& from, OwnedOutputs& owner) {
  const TensorInfo& tensor = *from.tensor;
  zkvm_output face{};
  face.name = tensor.name.c_str();
  face.shape = tensor.shape.data();
  face.axes = tensor.shape.size();
  face.type = type_of(tensor.type);
  face.reals = from.reals.empty() ? nullptr : from.reals.data();
  face.elements = tensor.type == TensorType::kFloat32 ? from.reals.size() : from.integers.size();
  if (tensor.type == TensorType::kFloat32) {
    face.values = from.reals.data();
  } else if (tensor.type == TensorType::kInt32) {
    face.values = from.integers.data();
  } else {
    std::vector<uint8_t>& narrow = owner.bytes.emplace_back();
    narrow.reserve(from.integers.size());
    for (const int32_t value : from.integers) narrow.push_back(static_cast<uint8_t>(value));
    face.values = narrow.data();
  }
  if (tensor.scale) {
    face.scale = tensor.scale->scale;
    face.zero_point = tensor.scale->zero_point;
  }
  std::vector<const char*>& labels = owner.label_pointers.emplace_back();
  labels.reserve(from.labels.size());
  for (const std::string* label : from.labels)
    labels.push_back(label == nullptr ? "" : label->c_str());
  face.labels = labels.data();
  face.label_count = labels.size();
  return face;
}

Result<std::unique_ptr<OwnedOutputs>> read_outputs(const zkvm_verification& face,
                                                   std::span<const uint8_t> model) {
  auto out = std::make_unique<OwnedOutputs>();
  Verification proven;
  proven.exit_code = face.exit_code;
  proven.journal.assign(face.journal, face.journal + face.journal_bytes);
  if (face.has_model != 0) std::ranges::copy(face.model, proven.model.emplace().begin());
  Result<ModelInfo> info = proven_model(proven, model);
  if (!info) return tl::unexpected(info.error());
  if (proven.exit_code != 0)
    return tl::unexpected(Error{ErrorCode::kUnfitTensors,
                                fmt::format("exit code: expected 0, found {}", proven.exit_code)});
  out->info = std::move(*info);
  auto values = decode_outputs(out->info, proven.journal);
  if (!values) return tl::unexpected(values.error());
  out->values = std::move(*values);
  for (const OutputValues& output : out->values) out->faces.push_back(face_of(output, *out));
  const auto id = model_id_in(out->info, proven.journal);
  const auto input = input_digest_in(out->info, proven.journal);
  out->digests.assign(id.begin(), id.end());
  out->digests.insert(out->digests.end(), input.begin(), input.end());
  out->outputs = out->faces.data();
  out->count = out->faces.size();
  out->batch = out->info.batch;
  if (!id.empty()) out->model_id = out->digests.data();
  if (!input.empty()) out->input_digest = out->digests.data() + id.size();
  return out;
}

std::span<const uint8_t> span_of(const uint8_t* bytes, size_t count) { return {bytes, count}; }

}  // namespace
}  // namespace zkvm

using namespace zkvm;

const char* zkvm_code_name(int code) {
  switch (code) {
    case ZKVM_OK:
      return "ok";
    case ZKVM_BAD_ARGUMENT:
      return "bad-argument";
    case ZKVM_INTERNAL:
      return "internal";
    case ZKVM_OUT_OF_MEMORY:
      return name_of(ErrorCode::kOutOfMemory);
    case ZKVM_MALFORMED_RECEIPT:
      return name_of(ErrorCode::kMalformedReceipt);
    case ZKVM_INVALID_RECEIPT:
      return name_of(ErrorCode::kInvalidReceipt);
    case ZKVM_WRONG_PROGRAM:
      return name_of(ErrorCode::kWrongProgram);
    case ZKVM_INSECURE:
      return name_of(ErrorCode::kInsecure);
    case ZKVM_MALFORMED_MODEL:
      return name_of(ErrorCode::kMalformedModel);
    case ZKVM_WRONG_MODEL:
      return name_of(ErrorCode::kWrongModel);
    case ZKVM_UNFIT_TENSORS:
      return name_of(ErrorCode::kUnfitTensors);
    default:
      return "unknown";
  }
}

const char* zkvm_regime_name(int regime) {
  const auto options = options_of({.security_bits = 0, .regime = regime});
  return options ? regime_name(options->regime) : nullptr;
}

const char* zkvm_regime_assumption(int regime) {
  const auto options = options_of({.security_bits = 0, .regime = regime});
  return options ? regime_assumption(options->regime) : nullptr;
}

zkvm_verify_options zkvm_verify_defaults(void) {
  const VerifyOptions options;
  return {.security_bits = options.security_bits, .regime = regime_of(options.regime)};
}

int zkvm_verify(const uint8_t* receipt, size_t receipt_bytes, const uint8_t image_id[32],
                const zkvm_verify_options* options, zkvm_verification** out, char* message) {
  if (out == nullptr) return refuse(message, ZKVM_BAD_ARGUMENT, "out: expected a pointer, found none");
  *out = nullptr;
  if (receipt == nullptr && receipt_bytes != 0)
    return refuse(message, ZKVM_BAD_ARGUMENT, "receipt: expected bytes, found none");
  if (image_id == nullptr)
    return refuse(message, ZKVM_BAD_ARGUMENT, "image id: expected 32 bytes, found none");
  const auto wanted = options_of(options == nullptr ? zkvm_verify_defaults() : *options);
  if (!wanted)
    return refuse(message, ZKVM_BAD_ARGUMENT,
                  "options: expected bits of at least 0 and a regime, found others");
  return guarded(message, [&] {
    ImageId id;
    std::copy_n(image_id, id.size(), id.begin());
    Result<Verification> proven = verify(span_of(receipt, receipt_bytes), id, *wanted);
    if (!proven) return refuse(message, proven.error());
    *out = owned(std::move(*proven)).release();
    return static_cast<int>(ZKVM_OK);
  });
}

void zkvm_verification_free(zkvm_verification* verification) {
  delete static_cast<OwnedVerification*>(verification);
}

int zkvm_read_outputs(const zkvm_verification* verification, const uint8_t* model,
                      size_t model_bytes, zkvm_outputs** out, char* message) {
  if (out == nullptr) return refuse(message, ZKVM_BAD_ARGUMENT, "out: expected a pointer, found none");
  *out = nullptr;
  if (verification == nullptr || verification->journal == nullptr || (model == nullptr && model_bytes != 0))
    return refuse(message, ZKVM_BAD_ARGUMENT,
                  "outputs: expected a verification and a description, found none");
  return guarded(message, [&] {
    auto outputs = read_outputs(*verification, span_of(model, model_bytes));
    if (!outputs) return refuse(message, outputs.error());
    *out = outputs->release();
    return static_cast<int>(ZKVM_OK);
  });
}

void zkvm_outputs_free(zkvm_outputs* outputs) { delete static_cast<OwnedOutputs*>(outputs); }

void zkvm_blake3(const uint8_t* bytes, size_t count, uint8_t digest[32]) {
  std::ranges::copy(model_digest(span_of(bytes, count)), digest);
}

const char* zkvm_version(void) { return ZKVM_VERSION; }
