// `zkvm key` and `zkvm sign`: Ed25519 keys, and signatures that guests check (guest/doc/signatures.md).
#include <fmt/format.h>
#include <zk/sha256.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/salt.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/signature.h"

namespace zkvm::cli {
namespace {

struct KeyOptions {
  std::string path;
  bool make = false;
  bool json = false;
};

struct SignOptions {
  std::string path;
  std::string key_path;
  std::string signature_path;
  bool raw = false;
  bool json = false;
};

Result<SigningKey> read_key(const std::string& path) {
  const Result<std::vector<uint8_t>> file = read_file(path, "key", SigningKey::Seed{}.size());
  if (!file) return tl::unexpected(file.error());
  SigningKey::Seed seed;
  if (file->size() != seed.size())
    return tl::unexpected(
        Error{ErrorCode::kUnreadable,
              fmt::format("key {}: expected 32 bytes, which `zkvm key --new` writes, found {}",
                          input_name(path), file->size())});
  std::ranges::copy(*file, seed.begin());
  return SigningKey(seed);
}

// A key that is written over is lost, and all that it could still have signed.
Result<SigningKey> make_key(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored))
    return tl::unexpected(
        Error{ErrorCode::kUnwritable,
              fmt::format("key '{}': expected a name without a file, found one", path)});
  SigningKey key = SigningKey::fresh();
  if (Result<void> ok = write_file(path, "key", key.seed(), kSecretMode); !ok)
    return tl::unexpected(ok.error());
  return key;
}

int key_command(const KeyOptions& options) {
  const Result<SigningKey> key = options.make ? make_key(options.path) : read_key(options.path);
  if (!key) return fail("zkvm key", key.error().message, options.json);
  if (options.json) {
    print_json({{"public_key", hex(key->public_key())}});
  } else {
    print_to(stdout, "{}\n", hex(key->public_key()));
  }
  return kSuccess;
}

int sign_command(const SignOptions& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm sign", error.message, options.json);
  };
  if (Result<void> ok = check_inputs({{"FILE", options.path}, {"--key", options.key_path}}); !ok)
    return failed(ok.error());
  if (Result<void> ok = check_outputs(
          {{.option = "-o", .path = options.signature_path, .what = "signature"}}, options.json);
      !ok)
    return failed(ok.error());
  const Result<SigningKey> key = read_key(options.key_path);
  if (!key) return failed(key.error());
  const Result<std::vector<uint8_t>> file = read_file(options.path, "file");
  if (!file) return failed(file.error());
  const Signature signature = options.raw ? key->sign(*file) : key->sign(zk::sha256(*file));
  if (!options.signature_path.empty())
    if (Result<void> ok = write_file(options.signature_path, "signature", signature); !ok)
      return failed(ok.error());
  if (options.json) {
    print_json({{"signature", hex(signature)},
                {"public_key", hex(key->public_key())},
                {"message", options.raw ? "file" : "sha256"}});
    return kSuccess;
  }
  Table facts({{""}, {""}});
  facts.row({"signature", hex(signature)});
  facts.row({"of", options.raw ? "the file's bytes" : "the file's SHA-256"});
  facts.row({"public key", hex(key->public_key())});
  facts.print(is_standard(options.signature_path) ? stderr : stdout);
  return kSuccess;
}

}  // namespace

void add_key(Command& sub, int& status) {
  sub.description(
      "Print the public key of an Ed25519 key.\n"
      "KEY is a file of 32 secret bytes: whoever has it can sign. With --new it is made, for its "
      "owner\n"
      "alone (mode 0600), and over no other file.");
  sub.footer(
      "Examples:\n"
      "  zkvm key camera.key --new     make a key, print its public key\n"
      "  zkvm key camera.key           print it again\n"
      "JSON: public_key (hex).");
  auto options = std::make_shared<KeyOptions>();
  sub.add_option("KEY", options->path, "The secret key's file")->required()->type_name("");
  sub.add_flag("--new", options->make, "Make KEY, a file that is not there yet");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = key_command(*options); });
}

void add_sign(Command& sub, int& status) {
  sub.description(
      "Sign a file by Ed25519, so that a guest can check who signed it.\n"
      "What is signed are the 32 bytes of the file's SHA-256, which guests hash at a hundredth of "
      "a cycle "
      "a byte:\n"
      "zk::ed25519_verify(signature, zk::sha256(file), public_key).");
  sub.footer(
      "Examples:\n"
      "  zkvm sign photo.bin --key camera.key -o photo.sig\n"
      "JSON: signature and public_key (hex), message (sha256, file).");
  auto options = std::make_shared<SignOptions>();
  sub.add_option("FILE", options->path, "What to sign; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("--key", options->key_path, "The secret key's file, which `zkvm key --new` makes")
      ->required()
      ->type_name("FILE");
  sub.add_option("-o,--output", options->signature_path,
                 "The signature's 64 bytes are written to this file")
      ->type_name("FILE");
  sub.add_flag(
      "--raw", options->raw,
      "Sign the file's bytes themselves; a guest hashes them by SHA-512, 98 cycles a byte");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = sign_command(*options); });
}

}  // namespace zkvm::cli
