// A server for one kind of request, for untrusted clients: one request for each connection, bounded
// in time and memory.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "examples/service/http_request.h"

namespace http {

struct Response {
  int status = 200;
  std::string body = {};  // JSON
  std::vector<std::pair<std::string, std::string>> fields =
      {};  // beside those that every response has
};

struct Options {
  std::string address = "127.0.0.1";  // or a name
  uint16_t port = 0;                  // 0: any that is free
  size_t threads = 8;
  uint64_t body_limit = 0;
  std::chrono::milliseconds head_time{10'000};  // to send the head
  std::chrono::milliseconds body_time{30'000};  // to send the body
  std::chrono::milliseconds silence{5'000};     // between bytes, in both directions
  std::chrono::milliseconds farewell{2'000};    // to hear the answer while still sending
};

// Called by several threads at once.
struct Handler {
  // Is this request to be served? Its body has not been read.
  std::function<Result<void>(const Head&)> admit;
  std::function<Response(std::span<const uint8_t> body)> serve;
  // How a refusal looks, by whomever.
  std::function<Response(const Refusal&)> refuse;
};

class Server {
 public:
  // Listens. port() is 0 where that fails.
  Server(Options options, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Requests that are being read end without an answer, those that are being served with one.
  ~Server();

  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  class Connection;

  void accept_all();
  void serve_all();
  void serve(int fd);
  [[nodiscard]] Response respond(Connection& connection, bool& is_head);

  Options options_;
  Handler handler_;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd: readable once the server ends
  uint16_t port_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int> waiting_;  // connections that no thread has taken yet
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace http
