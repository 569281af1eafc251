// An HTTP service that verifies receipts from anybody. It links zkvm::verify alone: neither prover
// nor VM is in this program.
//
//   service [--port N] [--bind ADDRESS] [--limit MIB] [--security BITS] IMAGE_ID...
//
//   POST /verify with a receipt as the body; see README.md for the answers.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "examples/service/http_server.h"
#include "host/zkvm_verify.h"

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct Config {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any that is free
  size_t limit = size_t{64} << 20;
  zkvm::VerifyOptions options;
  std::vector<zkvm::ImageId> image_ids;
};

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "service: %s\n"
               "usage: service [--port N] [--bind ADDRESS] [--limit MIB] [--security BITS]\n"
               "               [--regime unique|johnson] IMAGE_ID...\n",
               problem.c_str());
  std::exit(2);
}

uint32_t number(std::string_view name, std::string_view text, uint32_t least, uint32_t most) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < least || value > most) {
    usage(std::string(name) + ": expected a number from " + std::to_string(least) + " to " +
          std::to_string(most) + ", found '" + std::string(text) + "'");
  }
  return value;
}

zkvm::Regime regime(std::string_view text) {
  if (text == "unique") return zkvm::Regime::kUnique;
  if (text != "johnson")
    usage("--regime: expected unique or johnson, found '" + std::string(text) + "'");
  return zkvm::Regime::kJohnson;
}

std::optional<zkvm::ImageId> parse_image_id(std::string_view text) {
  zkvm::ImageId id{};
  if (text.size() != 2 * id.size()) return std::nullopt;
  for (size_t i = 0; i < id.size(); ++i) {
    const char* end = text.data() + 2 * i + 2;
    const auto [rest, error] = std::from_chars(end - 2, end, id[i], 16);
    if (error != std::errc() || rest != end) return std::nullopt;
  }
  return id;
}

std::string hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t b : bytes) {
    text += kDigits[b >> 4];
    text += kDigits[b & 15];
  }
  return text;
}

Config parse_arguments(int argc, char** argv) {
  Config config;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--")) {
      const std::optional<zkvm::ImageId> id = parse_image_id(argument);
      if (!id) usage("image id: expected 64 hex digits, found '" + std::string(argument) + "'");
      config.image_ids.push_back(*id);
      continue;
    }
    if (i + 1 == argc) usage(std::string(argument) + ": expected a value after it");
    const char* value = argv[++i];
    if (argument == "--bind") {
      config.address = value;
    } else if (argument == "--port") {
      config.port = static_cast<uint16_t>(number(argument, value, 0, 65535));
    } else if (argument == "--limit") {
      config.limit = size_t{number(argument, value, 1, 1024)} << 20;
    } else if (argument == "--security") {
      config.options.security_bits = number(argument, value, 1, 256);
    } else if (argument == "--regime") {
      config.options.regime = regime(value);
    } else {
      usage("unknown option '" + std::string(argument) + "'");
    }
  }
  // A proof of a program that nobody chose proves nothing.
  if (config.image_ids.empty()) usage("expected the id of at least one program (`zkvm id ELF`)");
  return config;
}

http::Response answer(int status, const Json& object) {
  return {.status = status,
          .body = object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
          .fields = {}};
}

http::Response refuse(const http::Refusal& refusal) {
  http::Response response = answer(refusal.status, {{"valid", false}, {"error", refusal.message}});
  if (refusal.status == 405) response.fields = {{"Allow", "POST"}};
  return response;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Is it the receipt of one of the allowed programs? Another program's id is refused before any
// proof is looked at, so trying several costs no more than a hash of the image each.
zkvm::Result<zkvm::Verification> verify_any(const Config& config,
                                            std::span<const uint8_t> receipt) {
  zkvm::Result<zkvm::Verification> result;
  for (const zkvm::ImageId& id : config.image_ids) {
    result = zkvm::verify(receipt, id, config.options);
    if (result || result.error().code != zkvm::ErrorCode::kWrongProgram) break;
  }
  return result;
}

http::Response answer_receipt(const Config& config, std::span<const uint8_t> receipt) {
  const auto start = Clock::now();
  const zkvm::Result<zkvm::Verification> result = verify_any(config, receipt);
  const double milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  if (!result) {
    const bool malformed = result.error().code == zkvm::ErrorCode::kMalformedReceipt;
    return refuse({malformed ? 400 : 422, result.error().message});
  }
  return answer(200, {{"valid", true},
                      {"image_id", hex(result->image_id)},
                      {"exit_code", result->exit_code},
                      {"journal", hex(result->journal)},
                      {"security_bits", result->security_bits},
                      {"regime", zkvm::regime_name(result->regime)},
                      {"assumption", zkvm::regime_assumption(result->regime)},
                      {"segments", result->segments},
                      {"milliseconds", milliseconds}});
}

// Everything but a plain POST /verify is refused before its body is read.
http::Result<void> admit(const http::Head& head) {
  const auto no = [](int status, const char* message) {
    return tl::unexpected(http::Refusal{status, message});
  };
  constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                           "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  if (std::ranges::find(kMethods, head.method) == std::end(kMethods))
    return no(501, "expected POST /verify, found an unknown method");
  if (head.path != "/verify") return no(404, "expected POST /verify");
  if (head.method != "POST") return no(405, "expected POST /verify");
  if (head.has("content-encoding") || head.has("content-range") || head.has("range") ||
      lower(head.value("content-type")).starts_with("multipart/"))
    return no(415, "expected the receipt's bytes as the body, as they are");
  if (head.has("expect") && head.minor_version > 0 && lower(head.value("expect")) != "100-continue")
    return no(417, "Expect: expected 100-continue");
  if (!head.length && !head.chunked) return no(411, "expected a body with its length");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Config config = parse_arguments(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // for every thread; main waits for them

  std::optional<http::Server> server;
  server.emplace(http::Options{.address = config.address,
                               .port = config.port,
                               .threads = std::max(8u, std::thread::hardware_concurrency()),
                               .body_limit = config.limit},
                 http::Handler{.admit = admit,
                               .serve = [&](auto body) { return answer_receipt(config, body); },
                               .refuse = refuse});
  if (server->port() == 0) {
    std::fprintf(stderr, "service: cannot listen on %s port %d\n", config.address.c_str(),
                 config.port);
    return 2;
  }
  const bool is_ipv6 = config.address.find(':') != std::string::npos;
  std::printf(
      is_ipv6 ? "listening on http://[%s]:%d/verify\n" : "listening on http://%s:%d/verify\n",
      config.address.c_str(), server->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  server.reset();
}
