#include "host/onnx/scan.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

namespace zkvm::onnx_file {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// What a field is: a message of one of onnx.proto's kinds, a list of integers, or a text.
enum class Kind : uint8_t {
  kText,  // or bytes, or packed floats
  kIntegers32,
  kIntegers64,
  kLeaf,  // a message without messages and lists
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kSparse,
  kValue,
  kType,
  kTensorType,
  kTypePair,  // of a sequence, a map, an optional value
  kShape,
  kAnnotation,
  kTraining,
  kFunction
};
struct Field {
  Kind in;
  int number;
  Kind is;
};
// onnx.proto's fields that hold messages or integers.
constexpr Field kFields[] = {
    {Kind::kModel, 7, Kind::kGraph},        {Kind::kModel, 8, Kind::kLeaf},
    {Kind::kModel, 14, Kind::kLeaf},        {Kind::kModel, 20, Kind::kTraining},
    {Kind::kModel, 25, Kind::kFunction},    {Kind::kGraph, 1, Kind::kNode},
    {Kind::kGraph, 5, Kind::kTensor},       {Kind::kGraph, 11, Kind::kValue},
    {Kind::kGraph, 12, Kind::kValue},       {Kind::kGraph, 13, Kind::kValue},
    {Kind::kGraph, 14, Kind::kAnnotation},  {Kind::kGraph, 15, Kind::kSparse},
    {Kind::kNode, 5, Kind::kAttribute},     {Kind::kAttribute, 5, Kind::kTensor},
    {Kind::kAttribute, 6, Kind::kGraph},    {Kind::kAttribute, 8, Kind::kIntegers64},
    {Kind::kAttribute, 10, Kind::kTensor},  {Kind::kAttribute, 11, Kind::kGraph},
    {Kind::kAttribute, 14, Kind::kType},    {Kind::kAttribute, 15, Kind::kType},
    {Kind::kAttribute, 22, Kind::kSparse},  {Kind::kAttribute, 23, Kind::kSparse},
    {Kind::kTensor, 1, Kind::kIntegers64},  {Kind::kTensor, 3, Kind::kLeaf},
    {Kind::kTensor, 5, Kind::kIntegers32},  {Kind::kTensor, 7, Kind::kIntegers64},
    {Kind::kTensor, 11, Kind::kIntegers64}, {Kind::kTensor, 13, Kind::kLeaf},
    {Kind::kSparse, 1, Kind::kTensor},      {Kind::kSparse, 2, Kind::kTensor},
    {Kind::kSparse, 3, Kind::kIntegers64},  {Kind::kValue, 2, Kind::kType},
    {Kind::kType, 1, Kind::kTensorType},    {Kind::kType, 4, Kind::kTypePair},
    {Kind::kType, 5, Kind::kTypePair},      {Kind::kType, 8, Kind::kTensorType},
    {Kind::kType, 9, Kind::kTypePair},      {Kind::kTensorType, 2, Kind::kShape},
    {Kind::kTypePair, 1, Kind::kType},      {Kind::kTypePair, 2, Kind::kType},
    {Kind::kShape, 1, Kind::kLeaf},         {Kind::kAnnotation, 2, Kind::kLeaf},
    {Kind::kTraining, 1, Kind::kGraph},     {Kind::kTraining, 2, Kind::kGraph},
    {Kind::kTraining, 3, Kind::kLeaf},      {Kind::kTraining, 4, Kind::kLeaf},
    {Kind::kFunction, 7, Kind::kNode},      {Kind::kFunction, 9, Kind::kLeaf}};

Kind kind_of(Kind in, int number) {
  for (const Field& field : kFields)
    if (field.in == in && field.number == number) return field.is;
  return Kind::kText;
}

// Bytes of memory for each, in protobuf's classes and ours, pointers and the heap's own words included; measured by
// tests/host/onnx. A list of integers takes three times its size while it grows.
constexpr uint64_t kMessageCost = 512, kTextCost = 192, kInteger32Cost = 12, kInteger64Cost = 24;
constexpr int kDeepest = 100;  // protobuf's

class Scanner {
 public:
  Scanner(std::span<const uint8_t> file, uint64_t limit)
      : stream_(file.data(), static_cast<int>(file.size())), limit_(limit) {}

  std::optional<Error> run() {
    if (!message(Kind::kModel, 0) && !error_)
      error_ = {ErrorCode::kMalformed,
                "expected an ONNX model, found bytes that are no protobuf message"};
    return error_;
  }

 private:
  // False at an error; error_ is none where the bytes are no message.
  bool message(Kind kind, int depth);
  bool delimited(Kind kind, int depth);
  bool integers(int bytes, uint64_t cost_of_each);

  bool cost(uint64_t bytes) {
    cost_ += bytes;
    if (cost_ <= limit_) return true;
    error_ = {ErrorCode::kTooLarge, fmt::format("an ONNX model whose nodes, names and listed "
                                                "integers take more than {} bytes of memory",
                                                limit_)};
    return false;
  }

  CodedInputStream stream_;
  uint64_t limit_, cost_ = 0;
  std::optional<Error> error_;
};

bool Scanner::message(Kind kind, int depth) {
  while (const uint32_t tag = stream_.ReadTag()) {
    const Kind field = kind_of(kind, WireFormatLite::GetTagFieldNumber(tag));
    const auto wire_type = WireFormatLite::GetTagWireType(tag);
    if (wire_type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!delimited(field, depth)) return false;
    } else {
      if (field == Kind::kIntegers32 && !cost(kInteger32Cost)) return false;
      if (field == Kind::kIntegers64 && !cost(kInteger64Cost)) return false;
      if (!WireFormatLite::SkipField(&stream_, tag)) return false;
    }
  }
  return stream_.ConsumedEntireMessage();
}

bool Scanner::delimited(Kind kind, int depth) {
  int bytes;
  if (!stream_.ReadVarintSizeAsInt(&bytes)) return false;
  switch (kind) {
    case Kind::kText:
      return cost(kTextCost) && stream_.Skip(bytes);
    case Kind::kIntegers32:
      return integers(bytes, kInteger32Cost);
    case Kind::kIntegers64:
      return integers(bytes, kInteger64Cost);
    default:
      break;
  }
  if (depth == kDeepest) {
    error_ = {ErrorCode::kTooLarge,
              fmt::format("an ONNX model nested more than {} messages deep", kDeepest)};
    return false;
  }
  if (!cost(kMessageCost)) return false;
  const auto outer = stream_.PushLimit(bytes);
  const bool done = message(kind, depth + 1);
  stream_.PopLimit(outer);
  return done;
}

bool Scanner::integers(int bytes, uint64_t cost_of_each) {
  const void* data = nullptr;
  int available = 0;
  stream_.GetDirectBufferPointerInline(&data, &available);
  if (bytes > available) return false;
  // An integer's last byte is the one below 128.
  const std::span packed(static_cast<const uint8_t*>(data), static_cast<size_t>(bytes));
  const auto count = std::ranges::count_if(packed, [](uint8_t byte) { return byte < 128; });
  return cost(static_cast<uint64_t>(count) * cost_of_each) && stream_.Skip(bytes);
}

}  // namespace

std::optional<Error> scan(std::span<const uint8_t> file, uint64_t limit) {
  return Scanner(file, limit).run();
}

}  // namespace zkvm::onnx_file
