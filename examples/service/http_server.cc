#include "examples/service/http_server.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <exception>

namespace http {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kMaxWaiting = 256;

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::string bytes_of(const Response& response, bool is_head) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason(response.status);
  out += "\r\nDate: " + date() + "\r\nConnection: close\r\nContent-Type: application/json\r\n";
  out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  for (const auto& [name, value] : response.fields) out += name + ": " + value + "\r\n";
  out += "\r\n";
  if (!is_head) out += response.body;
  return out;
}

int listen_on(const Options& options) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  if (getaddrinfo(options.address.c_str(), std::to_string(options.port).c_str(), &hints, &found) !=
      0)
    return -1;
  int fd = -1;
  for (const addrinfo* at = found; at != nullptr && fd < 0; at = at->ai_next) {
    fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) continue;
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

uint16_t port_of(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

}  // namespace

// What came of waiting for a client.
enum class Event : uint8_t { kReady, kTooSlow, kStopped };

class Server::Connection {
 public:
  Connection(const Server& server, int fd) : server_(server), fd_(fd) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd_); }

  // Reads what has come, waiting for it until `deadline` at most. 408: too slow; 400: the client
  // has ended; 0: the server ends.
  Result<std::string_view> read(Clock::time_point deadline) {
    for (;;) {
      const ssize_t n = recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (n > 0) return std::string_view(buffer_.data(), static_cast<size_t>(n));
      if (n < 0 && errno == EINTR) continue;
      if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        return tl::unexpected(Refusal{400, "the connection ended before the request did"});
      const Event event = wait(POLLIN, deadline);
      if (event == Event::kTooSlow) return tl::unexpected(Refusal{408, "took too long to arrive"});
      if (event == Event::kStopped) return tl::unexpected(Refusal{0, ""});
    }
  }

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
      } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        // An answer is written to its end where that does not wait, even if the server ends.
        if (wait(POLLOUT, Clock::time_point::max()) != Event::kReady) return false;
      } else if (n == 0 || errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  // RFC 9112, 9.6: closing while the client still sends would make its system forget the answer.
  void say_farewell() {
    shutdown(fd_, SHUT_WR);
    const auto deadline = Clock::now() + server_.options_.farewell;
    while (Clock::now() < deadline && read(deadline)) continue;
  }

 private:
  Event wait(short what, Clock::time_point deadline) {
    const auto now = Clock::now();
    if (now >= deadline) return Event::kTooSlow;
    milliseconds time = server_.options_.silence;
    if (deadline != Clock::time_point::max()) {
      time = std::min(time, std::chrono::ceil<milliseconds>(deadline - now));
    }
    std::array<pollfd, 2> events{{{fd_, what, 0}, {server_.stop_, POLLIN, 0}}};
    const int ready = poll(events.data(), events.size(), static_cast<int>(time.count()));
    if (ready < 0 && errno == EINTR) return Event::kReady;  // to be tried again
    if (events[1].revents != 0) return Event::kStopped;
    return ready > 0 ? Event::kReady : Event::kTooSlow;
  }

  const Server& server_;
  int fd_;
  std::array<char, size_t{64} << 10> buffer_;
};

Server::Server(Options options, Handler handler)
    : options_(std::move(options)), handler_(std::move(handler)), stop_(eventfd(0, EFD_CLOEXEC)) {
  listener_ = listen_on(options_);
  if (listener_ < 0 || stop_ < 0) return;
  port_ = port_of(listener_);
  threads_.emplace_back([this] { accept_all(); });
  for (size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { serve_all(); });
}

Server::~Server() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  const uint64_t one = 1;
  if (stop_ >= 0) (void)!::write(stop_, &one, sizeof one);
  for (std::thread& thread : threads_) thread.join();
  for (const int fd : waiting_) close(fd);
  for (const int fd : {listener_, stop_}) {
    if (fd >= 0) close(fd);
  }
}

void Server::accept_all() {
  for (;;) {
    std::array<pollfd, 2> events{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    (void)poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) return;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      // Out of descriptors, say: those that are served will give theirs back.
      if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        std::this_thread::sleep_for(milliseconds(20));
      continue;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < kMaxWaiting || stopping_; });
    waiting_.push_back(fd);
    changed_.notify_all();
  }
}

void Server::serve_all() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty() || stopping_; });
    if (stopping_) return;
    const int fd = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    changed_.notify_all();
    serve(fd);
  }
}

void Server::serve(int fd) {
  Connection connection(*this, fd);
  bool is_head = false;
  Response response;
  try {
    response = respond(connection, is_head);
  } catch (const std::exception&) {
    response = handler_.refuse({500, "the service is out of memory, or has a defect"});
  }
  if (response.status == 0) return;
  if (connection.write(bytes_of(response, is_head))) connection.say_farewell();
}

Response Server::respond(Connection& connection, bool& is_head) {
  std::string bytes;
  HeadReader reader;
  std::optional<size_t> end;
  const auto head_deadline = Clock::now() + options_.head_time;
  while (!end) {
    const auto more = connection.read(head_deadline);
    if (!more && (bytes.empty() || more.error().status == 0)) return {.status = 0};
    if (!more) return handler_.refuse(more.error());
    bytes += *more;
    const auto complete = reader.read(bytes);
    if (!complete) return handler_.refuse(complete.error());
    end = *complete;
  }
  const Head& head = reader.head();
  is_head = head.method == "HEAD";
  if (auto ok = handler_.admit(head); !ok) return handler_.refuse(ok.error());
  if (head.length && *head.length > options_.body_limit) {
    return handler_.refuse(
        {413, "expected a body of at most " + std::to_string(options_.body_limit) + " bytes"});
  }

  std::vector<uint8_t> body;
  ChunkedBody chunks(options_.body_limit);
  const auto take = [&](std::string_view part) -> Result<void> {
    if (head.chunked) return chunks.read(part, body);
    part = part.substr(0, static_cast<size_t>(std::min<uint64_t>(
                              part.size(), head.length.value_or(0) - body.size())));
    body.insert(body.end(), part.begin(), part.end());
    return {};
  };
  const auto is_complete = [&] {
    return head.chunked ? chunks.is_complete() : body.size() == head.length.value_or(0);
  };
  if (auto ok = take(std::string_view(bytes).substr(*end)); !ok) return handler_.refuse(ok.error());
  if (!is_complete() && head.has("expect") && head.minor_version > 0) {
    if (!connection.write("HTTP/1.1 100 Continue\r\n\r\n")) return {.status = 0};
  }
  const auto body_deadline = Clock::now() + options_.body_time;
  while (!is_complete()) {
    const auto more = connection.read(body_deadline);
    if (!more && more.error().status == 0) return {.status = 0};
    if (!more) return handler_.refuse(more.error());
    if (auto ok = take(*more); !ok) return handler_.refuse(ok.error());
  }
  return handler_.serve(body);
}

}  // namespace http
