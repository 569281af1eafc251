#include "host/cli/local_jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/cli/command_line.h"

namespace zkvm::cli {
namespace {

constexpr unsigned kMostTries = 3;             // of one segment
constexpr size_t kMaxPartBytes = 1u << 30;     // and of the line before it
constexpr int kPollMilliseconds = 200;

tl::unexpected<Error> failed(ErrorCode code, std::string message) {
  return tl::unexpected(Error{code, "jobs: " + std::move(message)});
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

// The job as a file that has no name, and is gone with the last process that has it open.
Result<Descriptor> nameless_file(std::span<const uint8_t> bytes) {
  Descriptor file(memfd_create("zkvm-job", MFD_CLOEXEC));
  if (file.get() >= 0 && write_all(file.get(), bytes)) return file;
  return failed(ErrorCode::kOutOfMemory, fmt::format("no memory for a job of {} bytes: {}",
                                                     bytes.size(),
                                                     std::generic_category().message(errno)));
}

// One process, and the segment that it works on.
struct Worker {
  pid_t pid = -1;
  Descriptor in, out;  // its standard input and output
  std::string heard;   // from it, up to now
  std::optional<uint32_t> segment;
  double part = 0;  // of this segment that is done
};

// Between fork and exec: nothing but system calls. The job is descriptor 3 there.
[[noreturn]] void become(char* const* command, int in, int out, int job, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  // Above 3 first, so that none is closed by another's taking its place.
  const int high_in = fcntl(in, F_DUPFD, 10), high_out = fcntl(out, F_DUPFD, 10),
            high_job = fcntl(job, F_DUPFD, 10);
  if (dup2(high_in, 0) < 0 || dup2(high_out, 1) < 0 || dup2(high_job, 3) < 0) _exit(1);
  for (const int fd : {high_in, high_out, high_job}) close(fd);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) std::signal(number, SIG_DFL);
  execv(command[0], command);
  _exit(127);
}

class Pool {
 public:
  Pool(const Parts& parts, const LocalJobs& options, int job)
      : parts_(parts), options_(options), job_(job) {}
  Pool(const Pool&) = delete;
  ~Pool() {
    for (const auto& worker : workers_) {
      kill(worker->pid, SIGKILL);
      waitpid(worker->pid, nullptr, 0);
    }
  }

  Result<void> run();

 private:
  Result<void> start();
  Result<void> give(Worker& worker);
  Result<void> hear(Worker& worker);
  Result<void> take(Worker& worker, const nlohmann::json& head, std::span<const uint8_t> part);
  Result<void> again(uint32_t segment, Error error);
  Result<void> bury(size_t index);
  [[nodiscard]] bool tell() const;

  const Parts& parts_;
  const LocalJobs& options_;
  int job_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<uint32_t> waiting_;
  std::vector<unsigned> tries_ = std::vector<unsigned>(parts_.segments.size());
  uint64_t done_cells_ = 0;
  uint32_t done_ = 0;
};

Result<void> Pool::start() {
  std::vector<std::string> command = own_command();
  for (const std::string& argument :
       {std::string("prove-segment"), std::string("/proc/self/fd/3"), std::string("-"),
        std::string("--threads"), std::to_string(options_.threads)})
    command.push_back(argument);
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0)
    return failed(ErrorCode::kOutOfMemory, std::generic_category().message(errno));
  auto worker = std::make_unique<Worker>();
  const Descriptor its_in(in[0]);
  worker->in = Descriptor(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0)
    return failed(ErrorCode::kOutOfMemory, std::generic_category().message(errno));
  worker->out = Descriptor(out[0]);
  const Descriptor its_out(out[1]);
  const pid_t parent = getpid();
  worker->pid = fork();
  if (worker->pid == 0) become(arguments.data(), in[0], out[1], job_, parent);
  if (worker->pid < 0)
    return failed(ErrorCode::kOutOfMemory,
                  "no process could be started: " + std::generic_category().message(errno));
  workers_.push_back(std::move(worker));
  return {};
}

// The next segment, if there is one.
Result<void> Pool::give(Worker& worker) {
  if (worker.segment || waiting_.empty()) return {};
  worker.segment = waiting_.front();
  worker.part = 0;
  waiting_.pop_front();
  const std::string line = fmt::format("{}\n", *worker.segment);
  // That it cannot be written is seen where the process has ended.
  (void)write_all(worker.in.get(), {reinterpret_cast<const uint8_t*>(line.data()), line.size()});
  return {};
}

// A segment that has failed once more.
Result<void> Pool::again(uint32_t segment, Error error) {
  if (++tries_[segment] >= kMostTries) {
    error.message += fmt::format(" (segment {} was tried {} times)", segment, kMostTries);
    return tl::unexpected(std::move(error));
  }
  waiting_.push_front(segment);
  return {};
}

// Lines of JSON; bytes follow one that says how many.
Result<void> Pool::hear(Worker& worker) {
  for (;;) {
    const size_t end = worker.heard.find('\n');
    if (end == std::string::npos) return {};
    const auto head = nlohmann::json::parse(worker.heard.substr(0, end), nullptr, false);
    if (!head.is_object() || head.value("segment", UINT32_MAX) != worker.segment)
      return failed(ErrorCode::kInvalidSegment, "a process said what none of this program says");
    const size_t bytes = head.value("bytes", size_t{0});
    if (bytes > kMaxPartBytes)
      return failed(ErrorCode::kInvalidSegment, "a process gave too long a part");
    if (worker.heard.size() - end - 1 < bytes) return {};
    const std::string part = worker.heard.substr(end + 1, bytes);
    worker.heard.erase(0, end + 1 + bytes);
    if (auto ok = take(worker, head,
                       {reinterpret_cast<const uint8_t*>(part.data()), part.size()});
        !ok)
      return ok;
  }
}

Result<void> Pool::take(Worker& worker, const nlohmann::json& head,
                        std::span<const uint8_t> part) {
  if (head.contains("part")) {
    worker.part = std::clamp(head.value("part", 0.0), 0.0, 1.0);
    return {};
  }
  const uint32_t segment = *std::exchange(worker.segment, std::nullopt);
  if (head.contains("error")) {
    const bool memory = head.value("code", "") == name_of(ErrorCode::kOutOfMemory);
    return again(segment, {memory ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidSegment,
                           head.value("error", "")});
  }
  const Result<Added> added = parts_.add(part);
  if (!added) {
    if (added.error().code != ErrorCode::kInvalidSegment) return tl::unexpected(added.error());
    return again(segment, added.error());
  }
  if (added->segment != segment)
    return failed(ErrorCode::kInvalidSegment, "a process gave another segment's part");
  done_cells_ += parts_.segments[segment].cells;
  ++done_;
  for (const uint32_t dropped : added->dropped) {
    done_cells_ -= parts_.segments[dropped].cells;
    --done_;
    if (auto ok = again(dropped, {ErrorCode::kInvalidSegment,
                                  fmt::format("segment {}: memory that its neighbours have not",
                                              dropped)});
        !ok)
      return ok;
  }
  return {};
}

// A process that has ended, with whatever it was at.
Result<void> Pool::bury(size_t index) {
  const std::unique_ptr<Worker> worker = std::move(workers_[index]);
  workers_.erase(workers_.begin() + static_cast<ptrdiff_t>(index));
  int status = 0;
  waitpid(worker->pid, &status, 0);
  if (!worker->segment) return {};
  // Killed for memory, perhaps: then fewer processes are more.
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  const std::string how = WIFSIGNALED(status)
                              ? fmt::format("was ended by signal {}{}", WTERMSIG(status),
                                            killed ? ", perhaps for want of memory" : "")
                              : fmt::format("ended with status {}", WEXITSTATUS(status));
  if (auto ok = again(*worker->segment, {killed ? ErrorCode::kOutOfMemory : ErrorCode::kCancelled,
                                         fmt::format("jobs: the process of segment {} {}",
                                                     *worker->segment, how)});
      !ok)
    return ok;
  return killed && !workers_.empty() ? Result<void>() : start();
}

bool Pool::tell() const {
  if (!options_.progress) return true;
  uint64_t all = 0;
  for (const JobSegment& segment : parts_.segments) all += segment.cells;
  auto cells = static_cast<double>(done_cells_);
  for (const auto& worker : workers_)
    if (worker->segment)
      cells += worker->part * static_cast<double>(parts_.segments[*worker->segment].cells);
  return options_.progress(done_, cells / static_cast<double>(std::max<uint64_t>(all, 1)));
}

Result<void> Pool::run() {
  std::vector<uint32_t> missing = parts_.missing();
  for (uint32_t i = 0; i < parts_.segments.size(); ++i)
    if (!std::ranges::binary_search(missing, i)) {
      done_cells_ += parts_.segments[i].cells;
      ++done_;
    }
  std::ranges::sort(missing, std::ranges::greater{}, [&](uint32_t i) {
    return std::pair(parts_.segments[i].cells, UINT32_MAX - i);
  });
  waiting_.assign(missing.begin(), missing.end());
  const size_t jobs = std::min<size_t>(options_.jobs, missing.size());
  while (workers_.size() < jobs)
    if (auto ok = start(); !ok) return ok;
  std::vector<char> bytes(1u << 20);
  for (;;) {
    if (!tell()) return failed(ErrorCode::kCancelled, "the proof was cancelled");
    for (const auto& worker : workers_)
      if (auto ok = give(*worker); !ok) return ok;
    if (std::ranges::none_of(workers_, [](const auto& w) { return w->segment.has_value(); }) &&
        waiting_.empty())
      return {};
    std::vector<pollfd> polled;
    for (const auto& worker : workers_) polled.push_back({worker->out.get(), POLLIN, 0});
    (void)poll(polled.data(), polled.size(), kPollMilliseconds);
    for (size_t i = polled.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      Worker& worker = *workers_[i];
      const ssize_t got = read(worker.out.get(), bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      if (got > 0) {
        worker.heard.append(bytes.data(), static_cast<size_t>(got));
        if (auto ok = hear(worker); !ok) return ok;
      } else if (auto ok = bury(i); !ok) {
        return ok;
      }
    }
  }
}

}  // namespace

Result<void> prove_in_processes(const Parts& parts, const LocalJobs& options) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const Result<Descriptor> job = nameless_file(parts.job);
  const Result<void> result =
      job ? Pool(parts, options, job->get()).run() : Result<void>(tl::unexpected(job.error()));
  std::signal(SIGPIPE, before);
  return result;
}

}  // namespace zkvm::cli
