// examples/service as clients meet it, honest ones and others: a process of its own, asked over
// loopback by a client that speaks raw bytes, because garbage is no HTTP.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

const std::string kSecurity = "40";

struct Reply {
  int status = 0;  // 0: the service closed the connection without a word
  std::string head, body;
  bool may_go_on = false;  // it said "100 Continue" before

  [[nodiscard]] Json json() const { return Json::parse(body, nullptr, false); }
};

class Service {
 public:
  explicit Service(const std::vector<std::string>& arguments) {
    int out[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    child_ = fork();
    if (child_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      std::vector<char*> argv{const_cast<char*>(ZKVM_SERVICE)};
      for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(out[1]);
    std::string line;
    for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    close(out[0]);
    const std::string before = "listening on http://127.0.0.1:";
    EXPECT_EQ(line.substr(0, before.size()), before) << line;
    if (line.size() > before.size())
      port_ = static_cast<uint16_t>(std::stoi(line.substr(before.size())));
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    if (child_ > 0) (void)stop();
  }

  // Its exit status.
  int stop() {
    kill(child_, SIGTERM);
    int state = 0;
    waitpid(child_, &state, 0);
    child_ = 0;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  }

  // Sends these bytes; what comes back. A client that does not listen says that it has no more.
  Reply exchange(const std::string& bytes, bool listens = true, size_t part = SIZE_MAX) const {
    const int fd = connected();
    Reply reply;
    if (fd >= 0) {
      for (size_t sent = 0; sent < bytes.size();) {
        const ssize_t n =
            send(fd, bytes.data() + sent, std::min(part, bytes.size() - sent), MSG_NOSIGNAL);
        if (n <= 0) break;  // the service may answer, and close, before it has heard everything
        sent += static_cast<size_t>(n);
      }
      if (!listens) shutdown(fd, SHUT_WR);
      std::string text;
      char buffer[4096];
      for (ssize_t n = 0; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        text.append(buffer, static_cast<size_t>(n));
      }
      const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
      reply.may_go_on = text.starts_with(interim);
      if (reply.may_go_on) text.erase(0, interim.size());
      if (text.starts_with("HTTP/1.1 ")) reply.status = std::stoi(text.substr(9, 3));
      if (const size_t end = text.find("\r\n\r\n"); end != text.npos) {
        reply.head = text.substr(0, end + 2);
        reply.body = text.substr(end + 4);
      }
      close(fd);
    }
    return reply;
  }

  Reply post(const std::string& receipt, size_t part = SIZE_MAX) const {
    return exchange("POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                        std::to_string(receipt.size()) + "\r\n\r\n" + receipt,
                    /*listens=*/true, part);
  }

  // A socket; -1 where the service does not listen.
  int connected() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    close(fd);
    return -1;
  }

 private:
  pid_t child_ = 0;
  uint16_t port_ = 0;
};

std::string image_id_of(const std::string& elf) {
  return Json::parse(zkvm({"id", elf, "--json"}).out)["image_id"];
}

// A receipt of the command line's test guest on these words.
std::string prove(const std::string& elf, std::initializer_list<uint32_t> input) {
  const TemporaryFolder folder;
  const Outcome outcome =
      zkvm({"prove", elf, "--input", "-", "--security", kSecurity, "--output", folder / "receipt"},
           {.input = words(input)});
  EXPECT_LE(outcome.status, 1) << outcome.err;
  return read_text(folder / "receipt");
}

class ServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    success_ = prove(kGuest, {0});
    other_exit_ = prove(kGuest, {1});
    other_program_ = prove(ZKVM_HELLO_GUEST, {1, 2, 3, 4, 5, 6, 7, 8});
  }

  static std::vector<std::string> arguments() {
    // The id of no program beside the guest's: several can be allowed.
    return {"--port",           "0", "--limit", "4", "--security", kSecurity, std::string(64, '1'),
            image_id_of(kGuest)};
  }

  static inline std::string success_, other_exit_, other_program_;
};

TEST_F(ServiceTest, SaysWhatATrueReceiptProves) {
  const Service service(arguments());
  const Reply reply = service.post(success_);
  EXPECT_EQ(reply.status, 200);
  const Json object = reply.json();
  EXPECT_EQ(object["valid"], true);
  EXPECT_EQ(object["image_id"], image_id_of(kGuest));
  EXPECT_EQ(object["exit_code"], 0);
  EXPECT_EQ(object["journal"], "01020304");
  EXPECT_EQ(object["segments"], 1);
  EXPECT_GE(object["security_bits"], std::stod(kSecurity));
  EXPECT_EQ(service.post(other_exit_).json()["exit_code"], 7);
}

std::string request(const std::string& head, const std::string& body = "") {
  return head + "\r\nHost: x\r\n" + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// What is no honest request, and the answer to it.
struct Case {
  std::string name;
  std::string bytes;
  int status;
};

std::vector<Case> garbage(const std::string& receipt, const std::string& other_program) {
  const std::string post = "POST /verify HTTP/1.1";
  std::string changed = receipt;
  changed[receipt.size() / 2] ^= 1;
  const std::string chunked = post + "\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string endless = chunked;
  for (int i = 0; i < 5; ++i) endless += "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
  return {
      {"AnotherProgram", request(post, other_program), 422},
      {"OneBitChanged", request(post, changed), 422},
      {"Truncated", request(post, receipt.substr(0, receipt.size() - 1)), 400},
      {"LeftOver", request(post, receipt + "x"), 400},
      {"Empty", request(post), 400},
      {"Text", request(post, "hello"), 400},
      {"Magic", request(post, "ZKVR"), 400},
      {"NoLength", post + "\r\nHost: x\r\n\r\n", 411},
      {"Get", "GET /verify HTTP/1.1\r\nHost: x\r\n\r\n", 405},
      {"Put", request("PUT /verify HTTP/1.1", receipt), 405},
      {"OtherPath", request("POST /other HTTP/1.1", receipt), 404},
      {"Climbing", "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"Ranges", request(post + "\r\nRange: bytes=0-,0-,0-,0-", receipt), 415},
      {"Compressed", request(post + "\r\nContent-Encoding: gzip", receipt), 415},
      {"Multipart", request(post + "\r\nContent-Type: multipart/form-data; boundary=x", "--x--"),
       415},
      {"TooLong", post + "\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n", 413},
      {"FarTooLong", post + "\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413},
      {"EndlessChunks", endless, 413},
      {"NoHttp", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400},
      {"NulBytes", std::string(100, '\0') + "\r\n\r\n", 400},
      {"LongPath", "POST /" + std::string(100000, 'a') + " HTTP/1.1\r\n\r\n", 414},
  };
}

void expect_answer(const Service& service, const Case& c) {
  const Reply reply = service.exchange(c.bytes);
  EXPECT_EQ(reply.status, c.status) << c.name << ": " << reply.body;
  EXPECT_THAT(reply.body, HasSubstr("\"valid\":false")) << c.name;
}

TEST_F(ServiceTest, RefusesEverythingElse) {
  const Service service(arguments());
  for (const Case& c : garbage(success_, other_program_)) expect_answer(service, c);
  EXPECT_EQ(service.post(success_).status, 200);
}

TEST_F(ServiceTest, ClientsThatGoAwayDoNoHarm) {
  const Service service(arguments());
  for (size_t part = 0; part < 20; ++part) {
    const std::string whole = request("POST /verify HTTP/1.1", success_);
    (void)service.exchange(whole.substr(0, whole.size() * part / 20), /*listens=*/false);
  }
  EXPECT_EQ(service.post(success_).status, 200);
}

TEST_F(ServiceTest, BodyInChunksIsTheSame) {
  const Service service(arguments());
  std::string bytes = "POST /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < success_.size(); at += 1000) {
    const std::string chunk = success_.substr(at, 1000);
    char length[16];
    std::snprintf(length, sizeof length, "%zx\r\n", chunk.size());
    bytes += length + chunk + "\r\n";
  }
  EXPECT_EQ(service.exchange(bytes + "0\r\n\r\n").status, 200);
}

// RFC 9112 and 9110 to the letter. `%` stands for the length of the body, which follows each head;
// a row is refused with that status, or accepted (200) as the receipt that it brings.
struct Rule {
  std::string name;
  std::string head;
  int status;
};

const std::string kPost = "POST /verify HTTP/1.1\r\n";
const std::string kHost = "Host: x\r\n";
const std::string kLength = "Content-Length: %\r\n";

const std::vector<Rule> kRules{
    // 3: the request line.
    {"AbsoluteForm", "POST http://example.org/verify HTTP/1.1\r\n" + kHost + kLength, 200},
    {"AbsoluteFormWithPort", "POST HTTP://[::1]:8080/verify HTTP/1.1\r\n" + kHost + kLength, 200},
    {"AbsoluteFormOfAnotherPath", "POST http://x/other HTTP/1.1\r\n" + kHost + kLength, 404},
    {"AbsoluteFormWithoutPath", "POST http://x HTTP/1.1\r\n" + kHost + kLength, 404},
    {"AbsoluteFormWithoutHost", "POST http:///verify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"AbsoluteFormWithUser", "POST http://me@x/verify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"OtherScheme", "POST ftp://x/verify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"Query", "POST /verify?now=1 HTTP/1.1\r\n" + kHost + kLength, 200},
    {"Encoded", "POST /%76erify HTTP/1.1\r\n" + kHost + kLength, 200},
    {"BadlyEncoded", "POST /%7gverify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"Fragment", "POST /verify#x HTTP/1.1\r\n" + kHost + kLength, 400},
    {"RelativeTarget", "POST verify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"Asterisk", "OPTIONS * HTTP/1.1\r\n" + kHost, 404},
    {"AsteriskForPost", "POST * HTTP/1.1\r\n" + kHost + kLength, 400},
    {"Connect", "CONNECT x:80 HTTP/1.1\r\n" + kHost, 404},
    {"EmptyLineBefore", "\r\n\r\n" + kPost + kHost + kLength, 200},
    {"TwoSpaces", "POST  /verify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"SpaceAtTheEnd", "POST /verify HTTP/1.1 \r\n" + kHost + kLength, 400},
    {"Tab", "POST\t/verify HTTP/1.1\r\n" + kHost + kLength, 400},
    {"SpaceInTarget", "POST /verify /x HTTP/1.1\r\n" + kHost + kLength, 400},
    {"ControlInTarget", "POST /verify\x01 HTTP/1.1\r\n" + kHost + kLength, 400},
    {"NulInTarget", std::string("POST /verify\0 HTTP/1.1\r\n", 24) + kHost + kLength, 400},
    {"LowerCaseMethod", "post /verify HTTP/1.1\r\n" + kHost + kLength, 501},
    {"UnknownMethod", "PROVE /verify HTTP/1.1\r\n" + kHost + kLength, 501},
    {"NoVersion", "POST /verify\r\n" + kHost + kLength, 400},
    {"LowerCaseVersion", "POST /verify http/1.1\r\n" + kHost + kLength, 400},
    {"LongVersion", "POST /verify HTTP/1.10\r\n" + kHost + kLength, 400},
    {"Http2", "POST /verify HTTP/2.0\r\n" + kHost + kLength, 505},
    {"Http10", "POST /verify HTTP/1.0\r\n" + kLength, 200},
    {"Http10WithHost", "POST /verify HTTP/1.0\r\n" + kHost + kLength, 200},
    {"Http19", "POST /verify HTTP/1.9\r\n" + kHost + kLength, 200},
    {"Http09", "POST /verify\r\n", 400},
    // 3.2: Host.
    {"NoHost", kPost + kLength, 400},
    {"TwoHosts", kPost + kHost + kHost + kLength, 400},
    {"TwoHostsInHttp10", "POST /verify HTTP/1.0\r\n" + kHost + kHost + kLength, 400},
    {"HostWithPort", kPost + "hOST:\t127.0.0.1:80 \r\n" + kLength, 200},
    {"HostInBrackets", kPost + "Host: [::1]:80\r\n" + kLength, 200},
    {"EmptyHost", kPost + "Host:\r\n" + kLength, 200},
    {"HostWithSpace", kPost + "Host: x y\r\n" + kLength, 400},
    {"HostWithPath", kPost + "Host: x/y\r\n" + kLength, 400},
    {"HostWithUser", kPost + "Host: me@x\r\n" + kLength, 400},
    {"HostWithBadPort", kPost + "Host: x:80a\r\n" + kLength, 400},
    // 5: header fields.
    {"NulInValue", kPost + kHost + std::string("X: a\0b\r\n", 8) + kLength, 400},
    {"NulInName", kPost + kHost + std::string("X\0: a\r\n", 7) + kLength, 400},
    {"ControlInValue", kPost + kHost + "X: a\x7f\r\n" + kLength, 400},
    {"TabInValue", kPost + kHost + "X: a\tb\r\n" + kLength, 200},
    {"ObsoleteText", kPost + kHost + "X: \xff\xe4\r\n" + kLength, 200},
    {"SpaceBeforeColon", kPost + kHost + "Content-Length : %\r\n", 400},
    {"TabBeforeColon", kPost + kHost + "X\t: a\r\n" + kLength, 400},
    {"NoColon", kPost + kHost + "X\r\n" + kLength, 400},
    {"NoName", kPost + kHost + ": a\r\n" + kLength, 400},
    {"Folded", kPost + kHost + "X: a\r\n b\r\n" + kLength, 400},
    {"SpaceBeforeTheFirst", kPost + " X: a\r\n" + kHost + kLength, 400},
    {"BareCr", kPost + kHost + "X: a\rb\r\n" + kLength, 400},
    {"BareLf", kPost + kHost + "X: a\n" + kLength, 400},
    {"BareLfAfterRequestLine", "POST /verify HTTP/1.1\n" + kHost + kLength, 400},
    {"TwoCrs", kPost + kHost + "X: a\r\r\n" + kLength, 400},
    {"ManyFields", kPost + kHost + "X: " + std::string(40000, 'a') + "\r\n" + kLength, 431},
    // 6: the body's length.
    {"Plus", kPost + kHost + "Content-Length: +%\r\n", 400},
    {"Minus", kPost + kHost + "Content-Length: -%\r\n", 400},
    {"Hex", kPost + kHost + "Content-Length: 0x%\r\n", 400},
    {"NotDigits", kPost + kHost + "Content-Length: %a\r\n", 400},
    {"SpaceInLength", kPost + kHost + "Content-Length: % 1\r\n", 400},
    {"EmptyLength", kPost + kHost + "Content-Length:\r\n", 400},
    {"LengthWithZeros", kPost + kHost + "Content-Length: 000%\r\n", 200},
    {"LengthInAnyCase", kPost + kHost + "cONTENT-lENGTH:%\r\n", 200},
    {"SameLengthTwice", kPost + kHost + kLength + kLength, 200},
    {"SameLengthInAList", kPost + kHost + "Content-Length: %, %\r\n", 200},
    {"TwoLengths", kPost + kHost + kLength + "Content-Length: 5\r\n", 400},
    {"TwoLengthsInAList", kPost + kHost + "Content-Length: %, 5\r\n", 400},
    {"LengthAndChunks", kPost + kHost + kLength + "Transfer-Encoding: chunked\r\n", 400},
    {"UnknownCoding", kPost + kHost + "Transfer-Encoding: pigeon\r\n", 501},
    {"CodingBelowChunks", kPost + kHost + "Transfer-Encoding: gzip, chunked\r\n", 501},
    {"Identity", kPost + kHost + "Transfer-Encoding: identity\r\n", 501},
    {"ChunksNotLast", kPost + kHost + "Transfer-Encoding: chunked, gzip\r\n", 400},
    {"ChunksTwice", kPost + kHost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
     400},
    {"ChunksWithParameter", kPost + kHost + "Transfer-Encoding: chunked;q=1\r\n", 400},
    {"EmptyCoding", kPost + kHost + "Transfer-Encoding:\r\n", 400},
    {"ChunksInHttp10", "POST /verify HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n", 400},
    {"OtherExpectation", kPost + kHost + "Expect: a-miracle\r\n" + kLength, 417},
};

TEST_F(ServiceTest, ReadsHeadsAsTheStandardSays) {
  const Service service(arguments());
  for (const Rule& rule : kRules) {
    std::string bytes = rule.head;
    for (size_t at = 0; (at = bytes.find('%', at)) != bytes.npos;) {
      const bool is_code = bytes.substr(at + 1, 1) == "7";  // of a character in a target
      if (!is_code) bytes.replace(at, 1, std::to_string(success_.size()));
      ++at;
    }
    const Reply reply = service.exchange(bytes + "\r\n" + success_);
    EXPECT_EQ(reply.status, rule.status) << rule.name << ": " << reply.body;
    EXPECT_EQ(reply.json()["valid"], rule.status == 200) << rule.name << ": " << reply.body;
  }
}

TEST_F(ServiceTest, ReadsChunksAsTheStandardSays) {
  const Service service(arguments());
  const std::string head = kPost + kHost + "Transfer-Encoding: Chunked\r\n\r\n";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%zX", success_.size());
  const std::string size = digits, data = success_ + "\r\n";
  const std::vector<Rule> rules{
      {"Trailer", size + "\r\n" + data + "0\r\nX: a\r\nContent-Length: 5\r\n\r\n", 200},
      {"Zeros", "000" + size + "\r\n" + data + "000\r\n\r\n", 200},
      {"Extension", size + " ; a=\"b;c\" ;d\r\n" + data + "0;e\r\n\r\n", 200},
      {"NextRequestBehind", size + "\r\n" + data + "0\r\n\r\nGET / HTTP/1.1\r\n\r\n", 200},
      {"BrokenTrailer", size + "\r\n" + data + "0\r\nX : a\r\n\r\n", 400},
      {"LongTrailer",
       size + "\r\n" + data + "0\r\n" +
           [] {
             std::string fields;
             for (int i = 0; i < 10; ++i) fields += "X: " + std::string(4000, 'a') + "\r\n";
             return fields;
           }() +
           "\r\n",
       431},
      {"Plus", "+" + size + "\r\n" + data + "0\r\n\r\n", 400},
      {"Minus", "-1\r\n" + data + "0\r\n\r\n", 400},
      {"Prefix", "0x" + size + "\r\n" + data + "0\r\n\r\n", 400},
      {"SpaceBefore", " " + size + "\r\n" + data + "0\r\n\r\n", 400},
      {"SpaceBehind", size + " \r\n" + data + "0\r\n\r\n", 400},
      {"NoSize", ";a\r\n" + data + "0\r\n\r\n", 400},
      {"NulInExtension", size + std::string(";\0\r\n", 4) + data + "0\r\n\r\n", 400},
      {"BareLf", size + "\n" + data + "0\r\n\r\n", 400},
      {"BareLfBehindData", size + "\r\n" + success_ + "\n0\r\n\r\n", 400},
      {"LongerThanItsSize", "5\r\n" + data + "0\r\n\r\n", 400},
      {"BeyondTheLimit", "400001\r\n", 413},
      {"Beyond64Bits", "10000000000000005\r\n" + data, 413},
      {"Beyond64BitsByFar", std::string(1000, 'f') + "\r\n" + data, 413},
  };
  for (const Rule& rule : rules) {
    const Reply reply = service.exchange(head + rule.head);
    EXPECT_EQ(reply.status, rule.status) << rule.name << ": " << reply.body;
  }
}

// Slow clients, byte by byte, are understood; large receipts wait for permission.
TEST_F(ServiceTest, BytesMayComeInAnyParts) {
  const Service service(arguments());
  EXPECT_EQ(service.post(success_, /*part=*/7).status, 200);
  const Reply reply = service.exchange(kPost + kHost + "Expect: 100-Continue\r\nContent-Length: " +
                                       std::to_string(success_.size()) + "\r\n\r\n" + success_);
  EXPECT_EQ(reply.status, 200);
  const std::string head = kPost + kHost + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  EXPECT_TRUE(service.exchange(head, /*listens=*/false).may_go_on);
  EXPECT_FALSE(service.exchange(head + "hello").may_go_on);
}

TEST_F(ServiceTest, AnswersHaveWhatTheStandardAsksFor) {
  const Service service(arguments());
  const Reply get = service.exchange("GET /verify HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(get.head, HasSubstr("\r\nAllow: POST\r\n"));
  EXPECT_THAT(get.head, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(get.head, HasSubstr("\r\nDate: "));
  EXPECT_THAT(get.head, HasSubstr("\r\nContent-Length: " + std::to_string(get.body.size())));
  const Reply head = service.exchange("HEAD /verify HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(head.status, 405);
  EXPECT_EQ(head.body, "");
}

// The service ends although somebody is connected and says nothing.
TEST_F(ServiceTest, SilentClientsDoNotHoldItsEnd) {
  Service service(arguments());
  const int idle = service.connected();
  (void)send(idle, "POST ", 5, MSG_NOSIGNAL);
  const auto start = Clock::now();
  EXPECT_EQ(service.stop(), 0);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(3));
  close(idle);
}

// Four clients, each with true receipts and garbage in a random order.
TEST_F(ServiceTest, LoadWithGarbageAmongTheRequests) {
  constexpr int kClients = 4, kRequests = 150;
  Service service(arguments());
  const std::vector<Case> cases = garbage(success_, other_program_);
  std::mutex mutex;
  std::vector<double> milliseconds;  // of true receipts
  std::vector<std::thread> clients;
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      std::mt19937 random(seed + static_cast<uint32_t>(client));
      for (int i = 0; i < kRequests; ++i) {
        if (random() % 2 == 0) {
          expect_answer(service, cases[random() % cases.size()]);
          continue;
        }
        const bool success = random() % 2 == 0;
        const auto start = Clock::now();
        const Reply reply = service.post(success ? success_ : other_exit_);
        const std::chrono::duration<double, std::milli> took = Clock::now() - start;
        EXPECT_EQ(reply.status, 200) << reply.body;
        EXPECT_EQ(reply.json()["exit_code"], success ? 0 : 7) << reply.body;
        const std::lock_guard lock(mutex);
        milliseconds.push_back(took.count());
      }
    });
  }
  for (std::thread& client : clients) client.join();
  ASSERT_FALSE(milliseconds.empty());
  std::ranges::sort(milliseconds);
  const auto percentile = [&](size_t p) {
    return milliseconds[(milliseconds.size() - 1) * p / 100];
  };
  std::printf(
      "%d clients, %d requests, %zu of them true receipts of %zu bytes: p50 %.1f ms, p99 %.1f ms\n",
      kClients, kClients * kRequests, milliseconds.size(), success_.size(), percentile(50),
      percentile(99));
  EXPECT_EQ(service.stop(), 0);
}

TEST(ServiceUsage, ProgramsMustBeNamed) {
  const Outcome none = run_program({ZKVM_SERVICE, "--port", "0"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("expected the id of at least one program"));
  const Outcome wrong = run_program({ZKVM_SERVICE, "12ab"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("expected 64 hex digits, found '12ab'"));
}

}  // namespace
}  // namespace zkvm::test
