// An HTTP service that verifies receipts from anybody. It links zkvm::verify alone: neither prover
// nor VM is in this program.
//
//   service [--port N] [--bind ADDRESS] [--limit MIB] [--security BITS] IMAGE_ID...
//
//   POST /verify with a receipt as the body; see README.md for the answers.
#include <httplib.h>

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

#include "host/zkvm_verify.h"

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

// How long a client may take to send its receipt.
constexpr std::chrono::seconds kUploadTime{30};

struct Config {
  std::string address = "127.0.0.1";
  int port = 8080;  // 0: any that is free
  size_t limit = size_t{64} << 20;
  zkvm::VerifyOptions options;
  std::vector<zkvm::ImageId> image_ids;
};

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "service: %s\n"
               "usage: service [--port N] [--bind ADDRESS] [--limit MIB] [--security BITS] "
               "IMAGE_ID...\n",
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
      config.port = static_cast<int>(number(argument, value, 0, 65535));
    } else if (argument == "--limit") {
      config.limit = size_t{number(argument, value, 1, 1024)} << 20;
    } else if (argument == "--security") {
      config.options.security_bits = number(argument, value, 1, 256);
    } else {
      usage("unknown option '" + std::string(argument) + "'");
    }
  }
  // A proof of a program that nobody chose proves nothing.
  if (config.image_ids.empty()) usage("expected the id of at least one program (`zkvm id ELF`)");
  return config;
}

void answer(httplib::Response& response, int status, const Json& object) {
  response.status = status;
  response.set_content(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                       "application/json");
}

void refuse(httplib::Response& response, int status, const std::string& message) {
  answer(response, status, {{"valid", false}, {"error", message}});
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

void answer_receipt(const Config& config, std::span<const uint8_t> receipt,
                    httplib::Response& response) {
  const auto start = Clock::now();
  const zkvm::Result<zkvm::Verification> result = verify_any(config, receipt);
  const double milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  if (!result) {
    const bool malformed = result.error().code == zkvm::ErrorCode::kMalformedReceipt;
    return refuse(response, malformed ? 400 : 422, result.error().message);
  }
  answer(response, 200,
         {{"valid", true},
          {"image_id", hex(result->image_id)},
          {"exit_code", result->exit_code},
          {"journal", hex(result->journal)},
          {"security_bits", result->security_bits},
          {"segments", result->segments},
          {"milliseconds", milliseconds}});
}

void refuse_size(const Config& config, httplib::Response& response) {
  refuse(response, 413, "receipt: expected at most " + std::to_string(config.limit) + " bytes");
}

// Reads the body itself: the library would take a body without a stated length whole, however long.
void handle_verify(const Config& config, const httplib::ContentReader& read,
                   httplib::Response& response) {
  const auto deadline = Clock::now() + kUploadTime;
  std::vector<uint8_t> receipt;
  bool too_large = false, too_slow = false;
  const bool complete = read([&](const char* data, size_t length) {
    too_large = length > config.limit - receipt.size();
    too_slow = Clock::now() > deadline;
    if (too_large || too_slow) return false;
    receipt.insert(receipt.end(), data, data + length);
    return true;
  });
  if (too_large) return refuse_size(config, response);
  if (too_slow) return refuse(response, 408, "receipt: took too long to arrive");
  if (!complete) return refuse(response, 400, "receipt: the connection ended before the body did");
  answer_receipt(config, receipt, response);
}

// Everything but a plain POST /verify is answered here, before the library reads a body or
// unpacks a compressed one.
httplib::Server::HandlerResponse admit(const Config& config, const httplib::Request& request,
                                       httplib::Response& response) {
  if (request.path != "/verify") {
    refuse(response, 404, "expected POST /verify");
  } else if (request.method != "POST") {
    response.set_header("Allow", "POST");
    refuse(response, 405, "expected POST /verify");
  } else if (request.has_header("Content-Encoding") || request.is_multipart_form_data() ||
             request.has_header("Range")) {
    refuse(response, 415, "expected the receipt's bytes as the body, as they are");
  } else if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
    refuse(response, 411, "expected a body with its length");
  } else if (request.get_header_value<uint64_t>("Content-Length") > config.limit) {
    refuse_size(config, response);
  } else {
    return httplib::Server::HandlerResponse::Unhandled;
  }
  return httplib::Server::HandlerResponse::Handled;
}

void configure(httplib::Server& server, const Config& config) {
  // One request for each connection: what is left of a body that was refused is never read.
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(std::chrono::seconds(5));
  server.set_write_timeout(std::chrono::seconds(5));
  server.set_pre_routing_handler(
      [&config](const httplib::Request& request, httplib::Response& response) {
        return admit(config, request, response);
      });
  server.Post("/verify", [&config](const httplib::Request&, httplib::Response& response,
                                   const httplib::ContentReader& read) {
    handle_verify(config, read, response);
  });
  // What the library itself refuses, in our form.
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) refuse(response, response.status, "the request was not understood");
  });
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
        refuse(response, 500, "the service is out of memory, or has a defect");
      });
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

  httplib::Server server;
  configure(server, config);
  const int port = config.port == 0 ? server.bind_to_any_port(config.address)
                   : server.bind_to_port(config.address, config.port) ? config.port
                                                                      : -1;
  if (port < 0) {
    std::fprintf(stderr, "service: cannot listen on %s port %d\n", config.address.c_str(),
                 config.port);
    return 2;
  }
  std::printf("listening on http://%s:%d/verify\n", config.address.c_str(), port);
  std::fflush(stdout);
  std::thread listener([&] { server.listen_after_bind(); });
  int signal = 0;
  sigwait(&ends, &signal);
  while (!server.is_running()) std::this_thread::yield();  // stop() before that is forgotten
  server.stop();
  listener.join();
}
