#include "host/model_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace zkvm {
namespace {

// What JSON says. Not nlohmann's own values: where no memory is left, their destructor, which takes some, ends the
// process (findings/nlohmann_json_destructor_allocates.sh).
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in the text's order

  template <class T>
  explicit Json(T value) : value_(std::move(value)) {}

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&value_);
  }
  [[nodiscard]] Array* array() { return std::get_if<Array>(&value_); }
  [[nodiscard]] Object* object() { return std::get_if<Object>(&value_); }

  // Of an object's key; nothing of what is no object.
  [[nodiscard]] const Json* find(std::string_view key) const {
    const auto* members = as<Object>();
    if (members == nullptr) return nullptr;
    const auto found = std::ranges::find(*members, key, &Object::value_type::first);
    return found == members->end() ? nullptr : &found->second;
  }
  [[nodiscard]] const char* type_name() const {
    constexpr const char* kNames[] = {"null",   "boolean", "number", "number",
                                      "number", "string",  "array",  "object"};
    static_assert(std::size(kNames) == std::variant_size_v<decltype(value_)>);
    return kNames[value_.index()];
  }

 private:
  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

// A string as JSON has it; what is no UTF-8 is replaced.
std::string quoted(const std::string& text, bool ascii = false) {
  return nlohmann::json(text).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
}

constexpr int kFormat = 1;
constexpr size_t kMaxDepth = 8;  // of objects and arrays in each other; what is known needs 5
constexpr size_t kMaxKeys = 32;  // of an object: each takes time for all before it
constexpr uint32_t kMaxBatch = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxOpset = 1 << 20;
constexpr std::array kTypes = {TensorType::kInt8, TensorType::kUint8, TensorType::kInt32,
                               TensorType::kFloat32};
constexpr std::array<std::string_view, 14> kModelTypes = {
    "float32", "float64", "float16", "bfloat16", "int8",   "uint8", "int16",
    "uint16",  "int32",   "uint32",  "int64",    "uint64", "bool",  "string"};

template <class... Args>
tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ErrorCode::kMalformedModel,
                              "model: " + fmt::format(format, std::forward<Args>(args)...)});
}

// Zero points that the type has.
std::pair<int, int> zero_points(TensorType type) {
  if (type == TensorType::kInt8) return {-128, 127};
  if (type == TensorType::kUint8) return {0, 255};
  return {0, 0};
}

bool is_hex_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A single line as such: JSON can write what no text here shows.
std::string shown(std::string_view text) {
  constexpr size_t kMost = 60;
  return quoted(std::string(text.substr(0, kMost)), true) + (text.size() > kMost ? ".." : "");
}

// What a reader in C would see cut off.
bool has_zero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::optional<std::string> complaint_of(const TensorInfo& tensor) {
  if (tensor.name.empty() || tensor.name.size() > kMaxNameBytes)
    return fmt::format("name: expected 1 to {} bytes, found {}", kMaxNameBytes, tensor.name.size());
  if (has_zero(tensor.name))
    return fmt::format("name: expected one without a zero, found {}", shown(tensor.name));
  if (tensor.shape.size() > kMaxAxes)
    return fmt::format("shape: expected at most {} axes, found {}", kMaxAxes, tensor.shape.size());
  uint64_t bytes = bytes_of(tensor.type);
  for (const uint32_t extent : tensor.shape) {
    bytes *= extent;  // below 2^62
    if (extent == 0 || bytes > kMaxTensorBytes)
      return fmt::format("shape: expected extents of 1 or more and at most {} bytes, found {}",
                         kMaxTensorBytes, fmt::join(tensor.shape, "x"));
  }
  if (std::ranges::find(kModelTypes, tensor.model_type) == kModelTypes.end())
    return fmt::format("model_type: expected one of {}, found {}", fmt::join(kModelTypes, " "),
                       shown(tensor.model_type));
  if (tensor.scale) {
    if (tensor.type == TensorType::kFloat32)
      return fmt::format("scale: expected none of type float32, found {}", tensor.scale->scale);
    if (!std::isfinite(tensor.scale->scale) || !(tensor.scale->scale > 0))
      return fmt::format("scale: expected a float32 above 0, found {}", tensor.scale->scale);
    const auto [low, high] = zero_points(tensor.type);
    if (tensor.scale->zero_point < low || tensor.scale->zero_point > high)
      return fmt::format("zero_point: expected {} to {} of type {}, found {}", low, high,
                         name_of(tensor.type), tensor.scale->zero_point);
  }
  if (tensor.index && tensor.type != TensorType::kInt32)
    return fmt::format("index: expected type int32, found {}", name_of(tensor.type));
  const uint32_t classes = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (!tensor.labels.empty() && !tensor.index && tensor.labels.size() != classes)
    return fmt::format("labels: expected {}, as many as the last axis has, found {}", classes,
                       tensor.labels.size());
  for (const std::string& label : tensor.labels)
    if (label.size() > kMaxNameBytes || has_zero(label))
      return fmt::format("labels: expected at most {} bytes each, without a zero, found {}",
                         kMaxNameBytes, shown(label));
  return {};
}

std::optional<std::string> complaint_of(std::string_view which, std::span<const TensorInfo> tensors,
                                        uint32_t batch) {
  if (tensors.size() > kMaxTensors)
    return fmt::format("{}: expected at most {}, found {}", which, kMaxTensors, tensors.size());
  std::set<std::string_view> names;
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (auto complaint = complaint_of(tensors[i]))
      return fmt::format("{}[{}]: {}", which, i, *complaint);
    if (!names.insert(tensors[i].name).second)
      return fmt::format("{}[{}]: name: expected another than those before it, found {}", which, i,
                         shown(tensors[i].name));
    bytes += batch * tensors[i].padded_bytes();
    if (bytes > kMaxTensorBytes)
      return fmt::format("{}: expected at most {} bytes in a run, found more", which,
                         kMaxTensorBytes);
  }
  return {};
}

// An object of the file, and the path to it for messages.
class Object {
 public:
  // All keys that it may have: others are refused, so that none is misspelt.
  static Result<Object> of(const Json& json, std::string path,
                           std::initializer_list<std::string_view> keys) {
    const std::string in = path.empty() ? "" : path + ": ";
    const auto* members = json.as<Json::Object>();
    if (members == nullptr) return fail("{}expected an object, found {}", in, json.type_name());
    for (const auto& [key, value] : *members)
      if (std::ranges::find(keys, key) == keys.end())
        return fail("{}expected keys {}, found {}", in, fmt::join(keys, " "), shown(key));
    return Object(json, std::move(path));
  }

  [[nodiscard]] const Json* find(const char* key) const { return json_->find(key); }
  [[nodiscard]] std::string at(const char* key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

  [[nodiscard]] Result<std::string> text(const char* key) const {
    const Json* json = find(key);
    const auto* text = json == nullptr ? nullptr : json->as<std::string>();
    if (text == nullptr) return fail("{}: expected a string, found {}", at(key), found(json));
    return *text;
  }
  [[nodiscard]] Result<int64_t> integer(const char* key, int64_t low, int64_t high) const {
    const Json* json = find(key);
    const auto value = json == nullptr ? std::nullopt : integer_of(*json);
    if (!value || *value < low || *value > high)
      return fail("{}: expected an integer from {} to {}, found {}", at(key), low, high,
                  found(json));
    return *value;
  }
  [[nodiscard]] Result<const Json::Array*> array(const char* key) const {
    const Json* json = find(key);
    const auto* array = json == nullptr ? nullptr : json->as<Json::Array>();
    if (array == nullptr) return fail("{}: expected an array, found {}", at(key), found(json));
    return array;
  }

  static std::optional<int64_t> integer_of(const Json& json) {
    if (const auto* number = json.as<int64_t>()) return *number;
    const auto* number = json.as<uint64_t>();
    if (number == nullptr || !std::in_range<int64_t>(*number)) return {};
    return static_cast<int64_t>(*number);
  }
  static std::string found(const Json* json) {
    if (json == nullptr) return "nothing";
    if (const auto* text = json->as<std::string>()) return shown(*text);
    if (const auto* number = json->as<int64_t>()) return fmt::format("{}", *number);
    if (const auto* number = json->as<uint64_t>()) return fmt::format("{}", *number);
    if (const auto* number = json->as<double>()) return nlohmann::json(*number).dump();
    return json->type_name();
  }

 private:
  Object(const Json& json, std::string path) : json_(&json), path_(std::move(path)) {}
  const Json* json_;
  std::string path_;
};

// No function of C's: those ask for the process's locale, which another thread may change; but where the C++ library has
// none of its own (LLVM's 19, for WebAssembly) there are neither locales nor threads. Nothing of what is no number, or has
// more digits before the point or behind it than the type has room for.
template <class Real>
std::optional<Real> real_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  if (text.starts_with('-') || text.starts_with('+')) return {};
  Real value{};
#if defined(__cpp_lib_to_chars)
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value,
                      is_hex ? std::chars_format::hex : std::chars_format::general);
  if (error != std::errc() || end != text.data() + text.size()) return {};
#else
  const std::string whole = (is_hex ? "0x" : "") + std::string(text);
  char* end = nullptr;
  errno = 0;
  if constexpr (std::is_same_v<Real, float>)
    value = std::strtof(whole.c_str(), &end);
  else
    value = std::strtod(whole.c_str(), &end);
  if (text.empty() || end != whole.c_str() + whole.size() || !std::isfinite(value)) return {};
  if (errno == ERANGE && value == 0) return {};
#endif
  return negative ? -value : value;
}

// As a number, or as text that is one: "0x1.4p-8" is exact.
std::optional<float> scale_of(const Json& json) {
  if (const auto* number = json.as<int64_t>())
    return static_cast<float>(static_cast<double>(*number));
  if (const auto* number = json.as<uint64_t>())
    return static_cast<float>(static_cast<double>(*number));
  if (const auto* number = json.as<double>()) return static_cast<float>(*number);
  if (json.as<std::string>() == nullptr) return {};
  const std::string& text = *json.as<std::string>();
  if (text.empty() || text.find_first_not_of("0123456789abcdefABCDEFxXpP.+-") != std::string::npos)
    return {};  // no spaces, no "inf"
  return real_of<float>(text);
}

Result<std::optional<TensorScale>> read_scale(const Object& object) {
  const Json *scale = object.find("scale"), *zero_point = object.find("zero_point");
  if (scale == nullptr && zero_point == nullptr) return std::nullopt;
  const auto value = scale == nullptr ? std::nullopt : scale_of(*scale);
  if (!value)
    return fail("{}: expected a number, or a string as \"0x1.4p-8\", found {}", object.at("scale"),
                Object::found(scale));
  TensorScale out{.scale = *value};
  if (zero_point != nullptr) {
    const auto zero = object.integer("zero_point", -128, 255);
    if (!zero) return tl::unexpected(zero.error());
    out.zero_point = static_cast<int>(*zero);
  }
  return out;
}

Result<TensorInfo> read_tensor(const Json& json, const std::string& path) {
  const auto object = Object::of(json, path,
                                 {"name", "shape", "type", "model_type", "scale", "zero_point",
                                  "labels", "index", "at", "bytes"});
  if (!object) return tl::unexpected(object.error());
  TensorInfo out;
  auto name = object->text("name");
  if (!name) return tl::unexpected(name.error());
  out.name = std::move(*name);
  const auto shape = object->array("shape");
  if (!shape) return tl::unexpected(shape.error());
  for (const Json& extent : **shape) {
    const auto value = Object::integer_of(extent);
    if (!value || *value < 1 || *value > std::numeric_limits<int32_t>::max())
      return fail("{}: expected integers from 1 on, found {}", object->at("shape"),
                  Object::found(&extent));
    out.shape.push_back(static_cast<uint32_t>(*value));
  }
  const auto type = object->text("type");
  if (!type) return tl::unexpected(type.error());
  const auto known = std::ranges::find(kTypes, std::string_view(*type),
                                       [](TensorType t) { return std::string_view(name_of(t)); });
  if (known == kTypes.end())
    return fail("{}: expected int8, uint8, int32 or float32, found {}", object->at("type"),
                shown(*type));
  out.type = *known;
  out.model_type = name_of(out.type);
  if (object->find("model_type") != nullptr) {
    auto model_type = object->text("model_type");
    if (!model_type) return tl::unexpected(model_type.error());
    out.model_type = std::move(*model_type);
  }
  auto scale = read_scale(*object);
  if (!scale) return tl::unexpected(scale.error());
  out.scale = *scale;
  if (object->find("labels") != nullptr) {
    const auto labels = object->array("labels");
    if (!labels) return tl::unexpected(labels.error());
    for (const Json& label : **labels) {
      if (label.as<std::string>() == nullptr)
        return fail("{}: expected strings, found {}", object->at("labels"), Object::found(&label));
      out.labels.push_back(*label.as<std::string>());
    }
  }
  if (const Json* index = object->find("index")) {
    if (index->as<bool>() == nullptr)
      return fail("{}: expected true or false, found {}", object->at("index"),
                  Object::found(index));
    out.index = *index->as<bool>();
  }
  return out;
}

// What follows from the rest, where it is there.
Result<void> check_places(const Json::Array& json, const std::string& path,
                          std::span<const TensorInfo> tensors, uint64_t at) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::pair<const char*, uint64_t> places[] = {{"at", at}, {"bytes", tensors[i].bytes()}};
    for (const auto& [key, expected] : places)
      if (const Json* found = json[i].find(key))
        if (found->as<uint64_t>() == nullptr || *found->as<uint64_t>() != expected)
          return fail("{}[{}].{}: expected {}, as follows from shapes and types, found {}", path, i,
                      key, expected, Object::found(found));
    at += tensors[i].padded_bytes();
  }
  return {};
}

Result<std::vector<TensorInfo>> read_tensors(const Object& object, const char* key) {
  const auto array = object.array(key);
  if (!array) return tl::unexpected(array.error());
  std::vector<TensorInfo> out;
  for (const Json& json : **array) {
    auto tensor = read_tensor(json, fmt::format("{}[{}]", key, out.size()));
    if (!tensor) return tl::unexpected(std::move(tensor.error()));
    out.push_back(std::move(*tensor));
  }
  return out;
}

Result<std::vector<WeightScales>> read_weight_scales(const Object& object) {
  const auto layers = object.array("scales");
  if (!layers) return tl::unexpected(layers.error());
  std::vector<WeightScales> out;
  for (const Json& json : **layers) {
    const auto of = Object::of(json, fmt::format("{}[{}]", object.at("scales"), out.size()),
                               {"layer", "scales"});
    if (!of) return tl::unexpected(of.error());
    auto layer = of->text("layer");
    if (!layer) return tl::unexpected(layer.error());
    const auto scales = of->array("scales");
    if (!scales) return tl::unexpected(scales.error());
    WeightScales& read = out.emplace_back(std::move(*layer));
    for (const Json& scale : **scales) {
      const auto value = scale_of(scale);
      if (!value)
        return fail("{}: expected numbers, found {}", of->at("scales"), Object::found(&scale));
      read.scales.push_back(*value);
    }
  }
  return out;
}

Result<OnnxInfo> read_onnx(const Json& json) {
  const auto object = Object::of(json, "onnx", {"producer", "opset", "blake3"});
  if (!object) return tl::unexpected(object.error());
  OnnxInfo out;
  if (object->find("producer") != nullptr) {
    auto producer = object->text("producer");
    if (!producer) return tl::unexpected(producer.error());
    out.producer = std::move(*producer);
  }
  if (object->find("opset") != nullptr) {
    const auto opset = object->integer("opset", 1, kMaxOpset);
    if (!opset) return tl::unexpected(opset.error());
    out.opset = *opset;
  }
  if (object->find("blake3") != nullptr) {
    auto digest = object->text("blake3");
    if (!digest) return tl::unexpected(digest.error());
    if (digest->empty())
      return fail("{}: expected 64 hex digits, found none", object->at("blake3"));
    out.blake3 = std::move(*digest);
  }
  return out;
}

// Makes a value of what nlohmann's parser reads. Refuses what two readers could read differently, and what nests without
// end.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::string problem;
  std::optional<Json> whole;

  bool null() override { return put(Json(nullptr)); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(value)); }
  bool number_float(number_float_t, const string_t& text) override {
    std::string plain = text;
    for (char& c : plain)  // the lexer puts the locale's point there
      if (std::string_view("0123456789+-eE").find(c) == std::string_view::npos) c = '.';
    const auto value = real_of<double>(plain);
    if (!value) problem = fmt::format("expected numbers that a double holds, found {}", shown(plain));
    return value && put(Json(*value));
  }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool start_array(size_t) override { return enter(Json(Json::Array())); }
  bool end_array() override { return leave(); }
  bool start_object(size_t) override { return enter(Json(Json::Object())); }
  bool end_object() override { return leave(); }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }
  bool key(string_t& key) override {
    const Json::Object& members = *open_.back().object();
    if (open_.back().find(key) != nullptr)
      problem = fmt::format("expected each key once, found {} twice in one object", shown(key));
    else if (members.size() == kMaxKeys)
      problem = fmt::format("expected at most {} keys in an object, found more", kMaxKeys);
    keys_.back() = std::move(key);
    return problem.empty();
  }

 private:
  bool enter(Json value) {
    open_.push_back(std::move(value));
    keys_.emplace_back();
    if (open_.size() > kMaxDepth)
      problem = fmt::format("expected at most {} levels, found more", kMaxDepth);
    return problem.empty();
  }
  bool leave() {
    Json inner = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return put(std::move(inner));
  }
  bool put(Json inner) {
    if (open_.empty())
      whole = std::move(inner);
    else if (Json::Array* array = open_.back().array())
      array->push_back(std::move(inner));
    else
      open_.back().object()->emplace_back(std::move(keys_.back()), std::move(inner));
    return true;
  }

  std::vector<Json> open_;         // the objects and arrays around
  std::vector<std::string> keys_;  // of each, the last one
};

Result<Json> parse(std::span<const uint8_t> bytes) {
  // The parser ends at a zero, and passes over a mark of the order of bytes.
  constexpr uint8_t kMark[] = {0xef, 0xbb, 0xbf};
  if (std::ranges::find(bytes, 0) != bytes.end() ||
      (bytes.size() >= 3 && std::ranges::equal(bytes.first(3), kMark)))
    return fail("expected JSON in UTF-8 alone, found a zero byte or a mark of the order of bytes");
  Builder builder;
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  if (!nlohmann::json::sax_parse(text, text + bytes.size(), &builder)) {
    if (!builder.problem.empty()) return fail("{}", builder.problem);
    return fail("expected JSON in UTF-8, found {} bytes of none", bytes.size());
  }
  return std::move(*builder.whole);
}

// Decimal, so that a reader who takes it as a double and then as a float has the same float.
std::string scale_text(float scale) {
  std::array<char, 64> text;
  const auto of = [&](auto value) {
    return std::string(text.data(),
                       std::to_chars(text.data(), text.data() + text.size(), value).ptr);
  };
  const std::string shortest = of(scale);
  const bool same = static_cast<float>(real_of<double>(shortest).value()) == scale;
  return same ? shortest : of(static_cast<double>(scale));
}

std::string tensor_text(const TensorInfo& tensor, uint64_t at) {
  std::string out = fmt::format(R"({{"name": {}, "shape": [{}], "type": "{}", "model_type": "{}")",
                                quoted(tensor.name), fmt::join(tensor.shape, ", "),
                                name_of(tensor.type), tensor.model_type);
  if (tensor.scale)
    out += fmt::format(R"(, "scale": {}, "zero_point": {})", scale_text(tensor.scale->scale),
                       tensor.scale->zero_point);
  if (!tensor.labels.empty()) {
    out += R"(, "labels": [)";
    for (size_t i = 0; i < tensor.labels.size(); ++i)
      out += (i == 0 ? "" : ", ") + quoted(tensor.labels[i]);
    out += "]";
  }
  if (tensor.index) out += R"(, "index": true)";
  return out + fmt::format(R"(, "at": {}, "bytes": {}}})", at, tensor.bytes());
}

std::string scales_text(std::span<const WeightScales> layers) {
  if (layers.empty()) return "";
  std::string out = ", \"scales\": [";
  for (const WeightScales& of : layers) {
    out += fmt::format("{}\n    {{\"layer\": {}, \"scales\": [", &of == layers.data() ? "" : ",",
                       quoted(of.layer));
    for (size_t i = 0; i < of.scales.size(); ++i)
      out += (i == 0 ? "" : ", ") + scale_text(of.scales[i]);
    out += "]}";
  }
  return out + "\n  ]";
}

std::string tensors_text(const char* key, std::span<const TensorInfo> tensors, uint64_t at) {
  std::string out = fmt::format("  \"{}\": [", key);
  for (const TensorInfo& tensor : tensors) {
    out += (&tensor == tensors.data() ? "\n    " : ",\n    ") + tensor_text(tensor, at);
    at += tensor.padded_bytes();
  }
  return out + (tensors.empty() ? "]" : "\n  ]");
}

uint64_t sum_of(std::span<const TensorInfo> tensors) {
  uint64_t sum = 0;
  for (const TensorInfo& tensor : tensors) sum += tensor.padded_bytes();
  return sum;
}

}  // namespace

const char* name_of(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
      return "int8";
    case TensorType::kUint8:
      return "uint8";
    case TensorType::kInt32:
      return "int32";
    case TensorType::kFloat32:
      return "float32";
  }
  return "?";
}

uint32_t bytes_of(TensorType type) {
  return type == TensorType::kInt8 || type == TensorType::kUint8 ? 1 : 4;
}

uint64_t TensorInfo::elements() const {
  uint64_t product = 1;
  for (const uint32_t extent : shape) product *= extent;
  return product;
}

uint64_t ModelInfo::input_bytes() const { return sum_of(inputs); }
uint64_t ModelInfo::output_bytes() const { return sum_of(outputs); }

std::optional<std::string> complaint_of(const ModelInfo& info) {
  if (info.name.size() > kMaxNameBytes)
    return fmt::format("name: expected at most {} bytes, found {}", kMaxNameBytes,
                       info.name.size());
  if (info.batch == 0 || info.batch > kMaxBatch)
    return fmt::format("batch: expected 1 to {}, found {}", kMaxBatch, info.batch);
  if (auto complaint = complaint_of("inputs", info.inputs, info.batch)) return complaint;
  if (auto complaint = complaint_of("outputs", info.outputs, info.batch)) return complaint;
  if (info.private_weights % 4 != 0 || info.private_weights > kMaxTensorBytes)
    return fmt::format("private_weights.bytes: expected a multiple of 4, at most {}, found {}",
                       kMaxTensorBytes, info.private_weights);
  if (info.private_weights == 0 && !info.weight_scales.empty())
    return "private_weights.scales: expected none without private weights, found some";
  for (size_t i = 0; i < info.weight_scales.size(); ++i) {
    const WeightScales& of = info.weight_scales[i];
    const std::string at = fmt::format("private_weights.scales[{}]", i);
    if (of.layer.empty() || of.layer.size() > kMaxNameBytes)
      return fmt::format("{}.layer: expected 1 to {} bytes, found {}", at, kMaxNameBytes,
                         of.layer.size());
    if (of.scales.empty()) return at + ".scales: expected one or more, found none";
    for (const float scale : of.scales)
      if (!std::isfinite(scale) || !(scale > 0))
        return fmt::format("{}.scales: expected float32s above 0, found {}", at, scale);
  }
  if (!info.onnx) return {};
  if (info.onnx->producer.size() > kMaxNameBytes)
    return fmt::format("onnx.producer: expected at most {} bytes, found {}", kMaxNameBytes,
                       info.onnx->producer.size());
  if (info.onnx->opset < 0 || info.onnx->opset > kMaxOpset)
    return fmt::format("onnx.opset: expected 0 to {}, found {}", kMaxOpset, info.onnx->opset);
  if (!info.onnx->blake3.empty() && !is_hex_digest(info.onnx->blake3))
    return fmt::format("onnx.blake3: expected 64 hex digits in lower case, found {}",
                       shown(info.onnx->blake3));
  return {};
}

Result<ModelInfo> read_model_info(std::span<const uint8_t> bytes) {
  const Result<Json> json = parse(bytes);
  if (!json) return tl::unexpected(json.error());
  const auto object = Object::of(
      *json, "",
      {"format", "name", "batch", "private_weights", "public_input", "onnx", "inputs", "outputs"});
  if (!object) return tl::unexpected(object.error());
  if (const auto format = object->integer("format", kFormat, kFormat); !format)
    return tl::unexpected(format.error());
  ModelInfo info;
  auto name = object->text("name");
  if (!name) return tl::unexpected(name.error());
  info.name = std::move(*name);
  if (object->find("batch") != nullptr) {
    const auto batch = object->integer("batch", 1, kMaxBatch);
    if (!batch) return tl::unexpected(batch.error());
    info.batch = static_cast<uint32_t>(*batch);
  }
  if (const Json* weights = object->find("private_weights")) {
    const auto of = Object::of(*weights, "private_weights", {"bytes", "scales"});
    if (!of) return tl::unexpected(of.error());
    const auto count = of->integer("bytes", 4, int64_t{kMaxTensorBytes});
    if (!count) return tl::unexpected(count.error());
    info.private_weights = static_cast<uint64_t>(*count);
    if (of->find("scales") != nullptr) {
      auto scales = read_weight_scales(*of);
      if (!scales) return tl::unexpected(scales.error());
      info.weight_scales = std::move(*scales);
    }
  }
  if (const Json* input = object->find("public_input")) {
    if (input->as<bool>() == nullptr)
      return fail("public_input: expected true or false, found {}", Object::found(input));
    info.public_input = *input->as<bool>();
  }
  if (const Json* onnx = object->find("onnx")) {
    auto from = read_onnx(*onnx);
    if (!from) return tl::unexpected(from.error());
    info.onnx = std::move(*from);
  }
  auto inputs = read_tensors(*object, "inputs");
  if (!inputs) return tl::unexpected(inputs.error());
  info.inputs = std::move(*inputs);
  auto outputs = read_tensors(*object, "outputs");
  if (!outputs) return tl::unexpected(outputs.error());
  info.outputs = std::move(*outputs);
  if (auto complaint = complaint_of(info)) return fail("{}", *complaint);
  if (auto ok = check_places(*object->array("inputs").value(), "inputs", info.inputs, info.input_begin()); !ok)
    return tl::unexpected(ok.error());
  if (auto ok = check_places(*object->array("outputs").value(), "outputs", info.outputs, info.journal_begin());
      !ok)
    return tl::unexpected(ok.error());
  return info;
}

std::string write_model_info(const ModelInfo& info) {
  std::string out = fmt::format("{{\n  \"format\": {},\n  \"name\": {},\n  \"batch\": {},\n",
                                kFormat, quoted(info.name), info.batch);
  if (info.private_weights != 0)
    out += fmt::format("  \"private_weights\": {{\"bytes\": {}{}}},\n", info.private_weights,
                       scales_text(info.weight_scales));
  if (info.public_input) out += "  \"public_input\": true,\n";
  if (info.onnx) {
    out += fmt::format("  \"onnx\": {{\"producer\": {}", quoted(info.onnx->producer));
    if (info.onnx->opset != 0) out += fmt::format(", \"opset\": {}", info.onnx->opset);
    if (!info.onnx->blake3.empty()) out += fmt::format(", \"blake3\": \"{}\"", info.onnx->blake3);
    out += "},\n";
  }
  return out + tensors_text("inputs", info.inputs, info.input_begin()) + ",\n" +
         tensors_text("outputs", info.outputs, info.journal_begin()) + "\n}\n";
}

}  // namespace zkvm
