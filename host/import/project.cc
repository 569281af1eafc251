#include "host/import/project.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "host/model_info.h"
#include "host/source_map.h"

namespace zkvm::importer {
namespace {

// What the guest commits of an output.
TensorInfo output_info(const Plan& plan, const Port& port, const WriteOptions& options) {
  const Value& value = plan.network.values[port.value];
  TensorInfo info{.name = port.name,
                  .shape = value.dims,
                  .type = static_cast<TensorType>(value.type),
                  .model_type = onnx_file::name_of(port.model_type)};
  info.labels = port.labels;
  if (!is_byte(value.type)) {
    info.index = value.type == Type::kInt32 && !port.labels.empty();
    return info;
  }
  if (options.output == WriteOptions::Output::kAll) {
    info.scale = TensorScale{value.q.scale, value.q.zero_point};
    return info;
  }
  info.shape = {options.output == WriteOptions::Output::kArgMax ? 1 : options.top};
  info.type = TensorType::kInt32;
  info.model_type = "int32";
  info.index = true;
  return info;
}

// One of the model's own outputs, as the guest commits it with its tail.
TensorInfo output_info(const Plan& plan, const TailOutput& output, const WriteOptions& options) {
  for (const Port& port : plan.network.outputs)
    if (port.output == output.name && plan.network.values[port.value].type == output.type) {
      TensorInfo info = output_info(plan, port, options);
      info.name = output.name;
      return info;
    }
  return {.name = output.name,
          .shape = output.dims,
          .type = static_cast<TensorType>(output.type),
          .model_type = output.type == Type::kInt32 ? "int64" : "float32"};
}

// Every input in the middle: at its zero point, as read_tensor reads it.
std::string example_input(const Plan& plan, const WriteOptions& options) {
  std::string one;
  for (const Port& port : plan.network.inputs) {
    const Value& value = plan.network.values[port.value];
    const uint64_t bytes = elements_of(value.dims) * bytes_of(value.type);
    const uint8_t middle = is_byte(value.type) ? value.q.stored_zero() : 0;
    one.append(bytes, static_cast<char>(middle));
    one.append((4 - bytes % 4) % 4, '\0');
  }
  const std::vector<uint8_t> weights = private_input(plan, options);
  std::string all(weights.begin(), weights.end());
  for (uint32_t i = 0; i < options.batch; ++i) all += one;
  return all;
}

// 70000 -> "72K": zkvm_add_guest's sizes, in whole pages.
std::string size_text(uint64_t bytes) { return fmt::format("{}K", (bytes + 4095) / 4096 * 4); }

std::string cmake_text(const WriteOptions& options, const GuestMemory& memory, bool has_layers) {
  const std::string tail = memory.tail == 0 ? "" : " HEAP " + size_text(memory.tail + (64 << 10));
  const std::string guests =
      has_layers
          ? fmt::format(
                R"(# guests/{name}.elf computes its layers on the tensor unit, guests/{name}_plain.elf by instructions alone.
set(model SOURCES {name}_guest.cc LAYERS {name} {name}.layers MODEL {name}.model.json STACK {stack})
zkvm_add_guest(NAME {name} TENSOR on{tail} ${{model}})
zkvm_add_guest(NAME {name}_plain TENSOR off HEAP {heap} ${{model}})
)",
                fmt::arg("name", options.name), fmt::arg("stack", size_text(memory.stack)),
                fmt::arg("heap", size_text(memory.heap + memory.tail + (64 << 10))),
                fmt::arg("tail", tail))
          : fmt::format(
                R"(zkvm_add_guest(NAME {name} SOURCES {name}_guest.cc MODEL {name}.model.json STACK {stack}{tail})
)",
                fmt::arg("name", options.name), fmt::arg("stack", size_text(memory.stack)),
                fmt::arg("tail", tail));
  return fmt::format(R"(# Made by `zkvm import`.
cmake_minimum_required(VERSION 3.25)
project({name} LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_package(zkvm REQUIRED)

{guests}
add_executable(host host.cc)
target_link_libraries(host PRIVATE zkvm::host)

add_custom_target(run
  COMMAND host ${{ZKVM_GUEST_DIR}}/{name}.elf ${{CMAKE_CURRENT_SOURCE_DIR}}/example.input
  DEPENDS {name}_guest USES_TERMINAL COMMENT "Proving an inference")
)",
                     fmt::arg("name", options.name), fmt::arg("guests", guests));
}

std::string host_text(const ModelInfo& info) {
  std::string outputs;
  for (const TensorInfo& output : info.outputs) {
    const TensorScale scale = output.scale.value_or(TensorScale{});
    outputs += fmt::format("    {{\"{}\", Type::{}, {}, {:a}f, {}}},\n",
                           cpp_string(printable(output.name)),
                           output.type == TensorType::kInt8    ? "kInt8"
                           : output.type == TensorType::kUint8 ? "kUint8"
                           : output.type == TensorType::kInt32 ? "kInt32"
                                                               : "kFloat32",
                           output.elements(), scale.scale, scale.zero_point);
  }
  return fmt::format(
      R"(// Proves an inference of {name}, verifies the receipt as anybody could who has not the input, and prints the outputs.
//
//   host GUEST.elf INPUT          INPUT: as `zkvm encode` makes it of .npy files
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "host/zkvm.h"

namespace {{

enum class Type {{ kInt8, kUint8, kInt32, kFloat32 }};

// The journal: for each of {batch} example(s) these, each padded to whole words. A byte x means scale (x - zero_point).
struct Output {{
  const char* name;
  Type type;
  size_t elements;
  float scale;
  int zero_point;
}};
constexpr Output kOutputs[] = {{
{outputs}}};

size_t bytes_of(Type type) {{ return type == Type::kInt8 || type == Type::kUint8 ? 1 : 4; }}

double element(const Output& output, const uint8_t* bytes) {{
  int32_t word = 0;
  float number = 0;
  if (bytes_of(output.type) == 4) std::memcpy(&word, bytes, 4), std::memcpy(&number, bytes, 4);
  switch (output.type) {{
    case Type::kInt8:
      return output.scale * static_cast<float>(static_cast<int8_t>(*bytes) - output.zero_point);
    case Type::kUint8:
      return output.scale * static_cast<float>(*bytes - output.zero_point);
    case Type::kInt32:
      return word;
    case Type::kFloat32:
      return number;
  }}
  return 0;
}}

std::vector<uint8_t> read_file(const char* path) {{
  std::ifstream file(path, std::ios::binary);
  return {{std::istreambuf_iterator<char>(file), {{}}}};
}}

bool print(const std::vector<uint8_t>& journal) {{
  size_t at = {begin};
{model_id}  for (int example = 0; example < {batch}; ++example)
    for (const Output& output : kOutputs) {{
      const size_t bytes = output.elements * bytes_of(output.type);
      if (journal.size() < at + bytes) return false;
      std::printf("%s:", output.name);
      for (size_t i = 0; i < output.elements; ++i)
        std::printf(output.type == Type::kInt32 ? " %.0f" : " %g",
                    element(output, &journal[at + i * bytes_of(output.type)]));
      std::printf("\n");
      at += (bytes + 3) / 4 * 4;
    }}
{digest}  return at == journal.size();
}}

}}  // namespace

int main(int argc, char** argv) {{
  if (argc != 3) {{
    std::fprintf(stderr, "usage: host GUEST.elf INPUT\n");
    return 2;
  }}
  const std::vector<uint8_t> elf = read_file(argv[1]), input = read_file(argv[2]);
  const zkvm::Result<zkvm::Proved> proved = zkvm::prove(elf, input);
  if (!proved) {{
    std::fprintf(stderr, "%s: %s\n", argv[1], proved.error().message.c_str());
    return 2;
  }}
  if (proved->run.trap) {{
    std::fprintf(stderr, "the guest failed: %s\n", proved->run.trap->message.c_str());
    return 1;
  }}
  std::printf("proven in %.2f s: a receipt of %zu bytes\n", proved->seconds,
              proved->receipt.size());

  // What follows is the other side: it has the receipt, and knows the program by its image id.
  const zkvm::Result<zkvm::Verification> verified = zkvm::verify(proved->receipt, proved->image_id);
  if (!verified || verified->exit_code != 0) {{
    std::fprintf(stderr, "not proven: %s\n",
                 verified ? "exit code is not 0" : verified.error().message.c_str());
    return 1;
  }}
  if (!print(verified->journal)) {{
    std::fprintf(stderr, "the journal is not as long as the outputs\n");
    return 1;
  }}
  return 0;
}}
)",
      fmt::arg("name", info.name), fmt::arg("batch", info.batch), fmt::arg("outputs", outputs),
      fmt::arg("begin", info.journal_begin()),
      fmt::arg("digest", info.public_input ? R"(  if (journal.size() < at + 32) return false;
  std::printf("BLAKE3 of the inputs: ");
  for (int i = 0; i < 32; ++i) std::printf("%02x", journal[at++]);
  std::printf("\n");
)" : ""),
      fmt::arg("model_id", info.private_weights == 0 ? "" : R"(  if (journal.size() < at) return false;
  std::printf("model id: ");
  for (size_t i = 0; i < at; ++i) std::printf("%02x", journal[i]);
  std::printf("\n");
)"));
}

std::string tensor_rows(const std::vector<TensorInfo>& tensors) {
  std::string rows;
  for (const TensorInfo& t : tensors)
    rows += fmt::format(
        "| {} | {} | {} | {} |\n", markdown(t.name), fmt::join(t.shape, " x "), name_of(t.type),
        t.scale ? fmt::format("{} (x - {})", t.scale->scale, t.scale->zero_point) : "as it is");
  return rows;
}

// Whether the tail is written: the journal must hold what it reads.
bool has_functions(const Plan& plan, const WriteOptions& options, const Result<Tail>& tail) {
  return !plan.network.tail.empty() && tail && options.output == WriteOptions::Output::kAll;
}

// Of the README.
std::string tail_text(const Plan& plan, const WriteOptions& options, const Result<Tail>& tail) {
  if (plan.network.tail.empty()) return "";
  const std::string list = markdown(tail_operators(plan.network));
  if (options.float_tail)
    return fmt::format(
        "**Float32 at the end**: what stands behind the last quantised tensors is proven, too, in "
        "soft-float "
        "(`{0}_outputs.h`):\n{1}. It is ONNX's function; the last bits of Exp and the like are "
        "those of the guest's "
        "library.\n\n",
        options.name, list);
  const std::string outside = fmt::format(
      "**Float32 at the end**: the outputs of the proof are the last quantised tensors. The model "
      "goes on in float32 "
      "behind\nthem, outside the proof: {}.\n",
      list);
  if (has_functions(plan, options, tail))
    return outside + fmt::format(
                         "`{0}_outputs.h` (C++) and `{0}_outputs.py` (numpy) compute the model's "
                         "own outputs from the journal. "
                         "`zkvm import\n--float-tail` makes a guest that proves them instead.\n\n",
                         options.name);
  if (options.output != WriteOptions::Output::kAll)
    return outside + "The journal holds classes alone, of which that cannot be computed.\n\n";
  return outside + fmt::format("Who reads the journal computes that: {}.\n\n",
                               markdown(tail.error().message));
}

// What a proof hides, and what it does not.
std::string hidden_text(const Plan& plan, const WriteOptions& options) {
  const std::string input =
      options.public_input
          ? "no input: the journal ends with the BLAKE3 of the inputs as `zkvm encode` writes them\n"
            "(`zkvm verify --input-is x.input`). "
          : "the input. ";
  if (!plan.has_private_weights())
    return input + (options.public_input
                        ? "**The model is public, too**: weights are part of the program."
                        : "**The model is public**: weights are part of the program, and whoever "
                          "has enough\nreceipts can read them.");
  return fmt::format(
      "{1}**The weights are private**: {2} bytes that the guest reads, whose salted\n"
      "commitment its journal begins with, the model id. **Public**, as the program is: operators, shapes, zero points, scales\n"
      "(of each output where the model has them so), tables of functions of a byte or two. **Secret are `{0}.weights`, `example.input`** and whatever `zkvm encode` makes: keep them; without the salt in\n"
      "them nobody can prove anything of this model id. To publish, so that others can make the program and see that it is\n"
      "this one: `CMakeLists.txt`, `{0}_guest.cc`, `{0}_network.h`, `{0}_layers.h`, `{0}.layers`, `{0}.layers.plain`,\n"
      "`{0}.model.json`, which depend on the weights through their scales alone.",
      options.name, input, plan.private_bytes());
}

std::string readme_text(const Plan& plan, const WriteOptions& options, const ModelInfo& info,
                        const Result<Tail>& tail) {
  std::string rows;
  for (size_t i = 0; i < plan.network.operators.size(); ++i) {
    const Operator& op = plan.network.operators[i];
    ValueId y = 0;
    for_each_operand(op, [](ValueId) {}, [&](ValueId v) { y = v; });
    rows += fmt::format("| {} | {} | {} | {} |\n", op.name, markdown(op.op_type),
                        text_of(plan.network.values[y].dims),
                        plan.calls_of[i].empty() ? "instructions" : "tensor unit");
  }
  const bool is_private = plan.has_private_weights();
  std::string warnings;
  for (const std::string& warning : plan.network.warnings)
    warnings += fmt::format("- {}\n", markdown(warning));
  return fmt::format(
      R"(# {name}: {model} as a guest

Made by `zkvm import`. `{name}_network.h` is the network in integers, `{name}_guest.cc` the program that runs it; a proof
shows the outputs and hides {hidden}

    cmake -S . -B build -Dzkvm_DIR=PREFIX/lib/cmake/zkvm
    cmake --build build --target run --parallel    # proves example.input, all of it at the zero point

    zkvm encode build/guests/{name}.elf x.npy {weights}-o x.input
    zkvm prove build/guests/{name}.elf --input x.input -o x.zkr
    zkvm verify x.zkr --elf build/guests/{name}.elf{model_id}

| input ({input_is}) | shape | read as | a byte x means |
|---|---|---|---|
{inputs}
| output (public) | shape | committed as | a byte x means |
|---|---|---|---|
{outputs}
{tail}{identity}
{plain}
| line | operators | shape | computed by |
|---|---|---|---|
{rows}{warnings})",
      fmt::arg("name", options.name), fmt::arg("model", markdown(options.model_file)),
      fmt::arg("inputs", tensor_rows(info.inputs)), fmt::arg("outputs", tensor_rows(info.outputs)),
      fmt::arg("rows", rows), fmt::arg("tail", tail_text(plan, options, tail)),
      fmt::arg(
          "plain",
          plan.layers.empty()
              ? ""
              : fmt::format("\n`build/guests/{}_plain.elf` is the same network by instructions "
                            "alone: slower, for comparison; it runs under\nqemu, too.\n",
                            options.name)),
      fmt::arg("input_is", options.public_input ? "public by its BLAKE3" : "private"),
      fmt::arg("hidden", hidden_text(plan, options)),
      fmt::arg("weights", is_private ? fmt::format("--weights {}.weights ", options.name) : ""),
      fmt::arg("model_id", is_private ? " --model-id ID" : ""),
      fmt::arg("identity", is_private ? fmt::format(
          "**What it is**: these names, shapes, scales stand in the program (`{0}.model.json`), and the image id covers them;\n"
          "the model id covers weights and biases alone. *The model is the pair of both ids.* Who verifies must know what program\n"
          "the image id names: make it from the published files, or trust who has. It says that what the journal begins with is\n"
          "the commitment to the weights that were used; of another program a model id says nothing.\n"
          "`zkvm model-id FILE.onnx --salt HEX` gives it again to who has file and salt.", options.name) : fmt::format(
          "**What it is**: these names, shapes, scales stand in the program (`{0}.model.json`), and the image id covers them and\n"
          "all weights. Who verifies recomputes it from the ONNX file: `zkvm import` of the same version with the same options\n"
          "writes these files byte for byte, and the same compilers make the same program of them; then `zkvm id build/guests/{0}.elf`.", options.name)),
      fmt::arg("warnings",
               is_private || plan.network.warnings.empty() ? "" : "\nNoticed when it was made:\n\n" + warnings));
}

}  // namespace

ModelInfo model_info(const Plan& plan, const WriteOptions& options) {
  ModelInfo info;
  info.name = options.name;
  info.batch = options.batch;
  for (const Port& port : plan.network.inputs) {
    const Value& value = plan.network.values[port.value];
    TensorInfo input{.name = port.name,
                     .shape = value.dims,
                     .type = static_cast<TensorType>(value.type),
                     .model_type = onnx_file::name_of(port.model_type)};
    if (is_byte(value.type)) input.scale = TensorScale{value.q.scale, value.q.zero_point};
    info.inputs.push_back(std::move(input));
  }
  if (options.float_tail) {
    const Result<Tail> tail = write_tail(plan.network, options.name);
    for (const TailOutput& output : tail->outputs)
      info.outputs.push_back(output_info(plan, output, options));
  } else {
    for (const Port& port : plan.network.outputs)
      info.outputs.push_back(output_info(plan, port, options));
  }
  info.onnx = options.onnx;
  info.private_weights = plan.private_bytes();
  for (size_t i = 0; i < plan.network.operators.size(); ++i)
    if (const std::span<const float> scales = plan.public_scales(i); !scales.empty())
      info.weight_scales.push_back(
          {plan.network.operators[i].name, {scales.begin(), scales.end()}});
  info.public_input = options.public_input;
  // A hash of the file is one of the weights, without a salt.
  if (plan.has_private_weights()) info.onnx->blake3.clear();
  return info;
}

std::string cpp_string(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += fmt::format("\\{}", c);
    } else if (byte < 32 || byte >= 127) {
      quoted += fmt::format("\\{:03o}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted;
}

std::string markdown(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (std::string_view("|*_`<>[]&\\").find(c) != std::string_view::npos) plain += '\\';
    plain += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return plain;
}

std::vector<ProjectFile> project_files(const Plan& plan, const WriteOptions& options,
                                       const GuestMemory& memory, const Result<Tail>& tail,
                                       const ModelInfo& info) {
  std::vector<ProjectFile> files = {
      {"CMakeLists.txt", cmake_text(options, memory, !plan.layers.empty())},
      {"README.md", readme_text(plan, options, info, tail)},
      {"host.cc", host_text(info)},
      {options.name + ".model.json", write_model_info(info)},
      {"example.input", example_input(plan, options), plan.has_private_weights()}};
  if (plan.has_private_weights())
    files.push_back({".gitignore", fmt::format("# Secrets, and what is made of them.\n/{}.weights\n"
                                               "*.input\n/build/\n",
                                               options.name)});
  if (!has_functions(plan, options, tail)) return files;
  files.push_back({options.name + "_outputs.h", tail->cpp});
  if (!options.float_tail) files.push_back({options.name + "_outputs.py", tail->python});
  return files;
}

}  // namespace zkvm::importer
