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
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/cli/command_line.h"
#include "host/file.h"

namespace zkvm::cli {
namespace {

constexpr unsigned kMostTries = 3;          // of one segment
constexpr size_t kMaxLineBytes = 1u << 16;  // before a part
constexpr int kPollMilliseconds = 200;

tl::unexpected<Error> failed(ErrorCode code, std::string message) {
  return tl::unexpected(Error{code, "jobs: " + std::move(message)});
}

// The job as a file that has no name, and is gone with the last process that has it open.
Result<FileDescriptor> nameless_file(std::span<const uint8_t> bytes) {
  FileDescriptor file(memfd_create("zkvm-job", MFD_CLOEXEC));
  const int error = file.get() < 0 ? errno : write_all(file.get(), bytes);
  if (error == 0) return file;
  return failed(ErrorCode::kOutOfMemory, fmt::format("no memory for a job of {} bytes: {}",
                                                     bytes.size(),
                                                     std::generic_category().message(error)));
}

// One process, and the segment that it works on.
struct Worker {
  pid_t pid = -1;
  FileDescriptor in, out;  // its standard input and output
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
    for (const auto& worker : workers_) end(*worker);
  }

  Result<void> run();

 private:
  static int end(Worker& worker);
  Result<void> start();
  void give(Worker& worker);
  Result<bool> hear(Worker& worker);
  Result<bool> take(Worker& worker, const nlohmann::json& head, std::span<const uint8_t> part);
  Result<void> again(uint32_t segment, Error error);
  Result<void> bury(size_t index, bool false_ones);
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
  const FileDescriptor its_in(in[0]);
  worker->in = FileDescriptor(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0)
    return failed(ErrorCode::kOutOfMemory, std::generic_category().message(errno));
  worker->out = FileDescriptor(out[0]);
  const FileDescriptor its_out(out[1]);
  const pid_t parent = getpid();
  worker->pid = fork();
  if (worker->pid == 0) become(arguments.data(), in[0], out[1], job_, parent);
  if (worker->pid < 0)
    return failed(ErrorCode::kOutOfMemory,
                  "no process could be started: " + std::generic_category().message(errno));
  workers_.push_back(std::move(worker));
  return {};
}

// Kills it, if it has not ended by itself; how it ended.
int Pool::end(Worker& worker) {
  kill(worker.pid, SIGKILL);
  int status = 0;
  while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// The next segment, if there is one.
void Pool::give(Worker& worker) {
  if (worker.segment || waiting_.empty()) return;
  worker.segment = waiting_.front();
  worker.part = 0;
  waiting_.pop_front();
  const std::string line = fmt::format("{}\n", *worker.segment);
  // That it cannot be written is seen where the process has ended.
  (void)write_all(worker.in.get(), {reinterpret_cast<const uint8_t*>(line.data()), line.size()});
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

// Lines of JSON; bytes follow one that says how many. False: this is none of what such a process says.
Result<bool> Pool::hear(Worker& worker) {
  for (;;) {
    const size_t end = worker.heard.find('\n');
    if (end == std::string::npos) return worker.heard.size() <= kMaxLineBytes;
    if (end > kMaxLineBytes) return false;
    const auto head =
        nlohmann::json::parse(worker.heard.begin(),
                              worker.heard.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    const auto number = [&](const char* key) -> std::optional<uint64_t> {
      const auto found = head.is_object() ? head.find(key) : head.end();
      if (found == head.end() || !found->is_number_unsigned()) return std::nullopt;
      return found->get<uint64_t>();
    };
    if (!worker.segment || number("segment") != *worker.segment) return false;
    const uint64_t bytes = number("bytes").value_or(0);
    if (bytes > kMaxFileBytes) return false;
    if (worker.heard.size() - end - 1 < bytes) return true;
    const std::string part = worker.heard.substr(end + 1, bytes);
    worker.heard.erase(0, end + 1 + bytes);
    auto ok = take(worker, head,
                   {reinterpret_cast<const uint8_t*>(part.data()), part.size()});
    if (!ok || !*ok) return ok;
  }
}

Result<bool> Pool::take(Worker& worker, const nlohmann::json& head,
                        std::span<const uint8_t> part) {
  const auto text = [&head](const char* key) {
    const auto found = head.find(key);
    return found != head.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (const auto progress = head.find("part"); progress != head.end()) {
    if (progress->is_number()) worker.part = std::clamp(progress->get<double>(), 0.0, 1.0);
    return true;
  }
  const uint32_t segment = *worker.segment;
  if (const std::string error = text("error"); !error.empty()) {
    worker.segment.reset();
    const bool memory = text("code") == name_of(ErrorCode::kOutOfMemory);
    if (auto ok = again(segment, {memory ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidSegment,
                                  error});
        !ok)
      return tl::unexpected(ok.error());
    return true;
  }
  const Result<Added> added = parts_.add(part);
  if (!added && added.error().code != ErrorCode::kInvalidSegment)
    return tl::unexpected(added.error());
  if (!added || added->segment != segment) return false;
  worker.segment.reset();
  done_cells_ += parts_.segments[segment].cells;
  ++done_;
  for (const uint32_t dropped : added->dropped) {
    done_cells_ -= parts_.segments[dropped].cells;
    --done_;
    if (auto ok = again(dropped, {ErrorCode::kInvalidSegment,
                                  fmt::format("segment {}: memory that its neighbours have not",
                                              dropped)});
        !ok)
      return tl::unexpected(ok.error());
  }
  return true;
}

// A process that has ended, or is to, with whatever it was at.
Result<void> Pool::bury(size_t index, bool false_ones) {
  const std::unique_ptr<Worker> worker = std::move(workers_[index]);
  workers_.erase(workers_.begin() + static_cast<ptrdiff_t>(index));
  const int status = end(*worker);
  if (!worker->segment) return {};
  // Killed for memory, perhaps: then fewer processes are more.
  const bool killed = !false_ones && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  const std::string how =
      false_ones ? "gave a false part, or said what none of this program says"
      : WIFSIGNALED(status)
          ? fmt::format("was ended by signal {}{}", WTERMSIG(status),
                        killed ? ", perhaps for want of memory" : "")
          : fmt::format("ended with status {}", WEXITSTATUS(status));
  if (auto ok = again(*worker->segment,
                      {killed ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidSegment,
                       fmt::format("jobs: the process of segment {} {}", *worker->segment, how)});
      !ok)
    return ok;
  if (killed) return {};
  const auto started = start();
  return workers_.empty() ? started : Result<void>();  // others go on
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
    if (workers_.empty() && !waiting_.empty()) {
      if (auto ok = start(); !ok) return ok;
    }
    for (const auto& worker : workers_) give(*worker);
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
        const auto heard = hear(worker);
        if (!heard) return tl::unexpected(heard.error());
        if (*heard) continue;
        if (auto ok = bury(i, true); !ok) return ok;
      } else if (auto ok = bury(i, false); !ok) {
        return ok;
      }
    }
  }
}

}  // namespace

Result<void> prove_in_processes(const Parts& parts, const LocalJobs& options) {
  struct Ignored {  // until this function ends, however
    void (*before)(int) = std::signal(SIGPIPE, SIG_IGN);
    ~Ignored() { std::signal(SIGPIPE, before); }
  } const ignored;
  const Result<FileDescriptor> job = nameless_file(parts.job);
  if (!job) return tl::unexpected(job.error());
  return Pool(parts, options, job->get()).run();
}

}  // namespace zkvm::cli
