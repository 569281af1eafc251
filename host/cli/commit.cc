// `zkvm commit`: a commitment to a file or a tensor, as guests compute it (zk/commitment.h).
#include <fmt/format.h>
#include <zk/commitment.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/array_commitment.h"
#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/salt.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/npy.h"
#include "host/number_text.h"

namespace zkvm::cli {
namespace {

constexpr std::string_view kNpyMagic = "\x93NUMPY";

struct Options {
  std::string path;
  std::string salt = kRandomSalt;
  std::string salt_path;
  std::string input_path;
  bool raw = false;
  bool json = false;
};

// What is committed to.
struct Data {
  Array array;  // of a file its bytes
  bool is_tensor = false;
  zk::Digest commitment{};
};

Result<Data> read_data(const Options& options, const zk::Salt& salt) {
  Result<std::vector<uint8_t>> file = read_file(options.path, "file");
  if (!file) return tl::unexpected(file.error());
  const bool npy = std::string_view(reinterpret_cast<const char*>(file->data()), file->size())
                       .starts_with(kNpyMagic);
  if (!npy || options.raw) {
    const zk::Digest commitment = zk::commitment(*file, salt);
    return Data{{.type = ArrayType::kUint8, .shape = {}, .bytes = std::move(*file)}, false, commitment};
  }
  Result<Array> array = read_npy(*file);
  if (!array) return tl::unexpected(in_file(options.path, array.error()));
  const auto commitment = commitment_of(*array, salt);
  if (!commitment) {
    Error error = in_file(options.path, commitment.error());
    error.message += "; --raw commits to the file's bytes";
    return tl::unexpected(error);
  }
  return Data{std::move(*array), true, *commitment};
}

// What zk::read_committed reads.
std::vector<uint8_t> input_of(const zk::Salt& salt, const Data& data) {
  std::vector<uint8_t> input(salt.begin(), salt.end());
  input.insert(input.end(), data.array.bytes.begin(), data.array.bytes.end());
  input.resize((input.size() + 3) / 4 * 4);
  return input;
}

Result<void> write_secrets(const Options& options, const zk::Salt& salt, const Data& data) {
  if (!options.salt_path.empty())
    if (Result<void> ok = write_file(options.salt_path, "salt", salt, kSecretMode); !ok) return ok;
  if (options.input_path.empty()) return {};
  return write_file(options.input_path, "input", input_of(salt, data), kSecretMode);
}

void print(const Options& options, const zk::Salt& salt, const Data& data) {
  const bool shown =
      options.salt_path.empty() && options.input_path.empty() && !is_salt_file(options.salt);
  if (options.json) {
    nlohmann::ordered_json object = {{"commitment", hex(data.commitment)},
                                     {"kind", data.is_tensor ? "tensor" : "file"},
                                     {"type", nullptr},
                                     {"shape", nullptr},
                                     {"bytes", data.array.bytes.size()},
                                     {"secret_salt", nullptr}};
    if (data.is_tensor) object["type"] = name_of(data.array.type);
    if (data.is_tensor) object["shape"] = data.array.shape;
    if (shown) object["secret_salt"] = hex(salt);
    return print_json(object);
  }
  Table facts({{""}, {""}});
  facts.row({"commitment", hex(data.commitment)});
  facts.row({"to", data.is_tensor ? fmt::format("a tensor, {} {}", name_of(data.array.type),
                                                shape_text(data.array.shape))
                                  : fmt::format("a file of {}", byte_text(data.array.bytes.size()))});
  if (shown) facts.row({"salt", hex(salt)});
  facts.row({"",
             "The salt is secret, and has to be kept: without it nothing is proven of this "
             "commitment."});
  facts.print(is_standard(options.salt_path) || is_standard(options.input_path) ? stderr : stdout);
}

int commit_command(const Options& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm commit", error.message, options.json);
  };
  if (Result<void> ok = check_inputs({{"FILE", options.path}, {"--salt", options.salt}}); !ok)
    return failed(ok.error());
  if (Result<void> ok = check_salt_is_new(options.salt_path); !ok) return failed(ok.error());
  if (Result<void> ok =
          check_outputs({{.option = "--salt-out", .path = options.salt_path, .what = "salt"},
                         {.option = "-o", .path = options.input_path, .what = "input"}},
                        options.json);
      !ok)
    return failed(ok.error());
  const Result<zk::Salt> salt = read_salt(options.salt);
  if (!salt) return failed(salt.error());
  const Result<Data> data = read_data(options, *salt);
  if (!data) return failed(data.error());
  if (Result<void> ok = write_secrets(options, *salt, *data); !ok) return failed(ok.error());
  print(options, *salt, *data);
  return kSuccess;
}

}  // namespace

void add_commit(Command& sub, int& status) {
  sub.description(
      "Print a commitment to a file or a tensor.\n"
      "32 bytes to publish: they say nothing about the data, and no other data have them. A guest "
      "proves\n"
      "that it knows the data by zk::read_committed. A .npy file is a tensor, whose type and shape "
      "are\n"
      "part of it; any other file is its bytes. The salt is private as the data are, and needed "
      "for\n"
      "every proof. Two commitments with one salt tell whether their data are the same.");
  sub.footer(
      "Examples:\n"
      "  zkvm commit weights.npy --salt-out weights.salt\n"
      "  zkvm commit weights.npy --salt weights.salt -o input.bin    for zk::read_committed\n"
      "JSON: commitment (hex), kind (file, tensor), type and shape (of a tensor, or null), bytes,\n"
      "secret_salt (hex; null where it stands in a file).");
  auto options = std::make_shared<Options>();
  sub.add_option("FILE", options->path, "The data, any file; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("--salt", options->salt, kSaltHelp)
      ->show_default()
      ->type_name("HEX|FILE");
  sub.add_option("--salt-out", options->salt_path,
                 "The salt is written to this new file, for its owner alone (mode 0600), not shown")
      ->type_name("FILE");
  sub.add_option(
         "-o,--output", options->input_path,
         "A guest's input is written to this file, as zk::read_committed reads it: the salt,\n"
         "then the data; of mode 0600. The salt is not shown")
      ->type_name("FILE");
  sub.add_flag("--raw", options->raw, "A .npy file is its bytes, too");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = commit_command(*options); });
}

}  // namespace zkvm::cli
