// The Python module zkvm._native: host/zkvm.h for the package around it, which is what people see. Everything goes in
// and out as bytes, numbers, lists and dictionaries: objects with names and methods are made in Python.
//
// Its shared library also shows the C functions of host/zkvm_verify_c.h, which zkvm/receipts.py calls.
#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/array_commitment.h"
#include "host/cli/command_line.h"
#include "host/environment.h"
#include "host/flamegraph.h"
#include "host/model_info.h"
#include "host/model_tensors.h"
#include "host/pprof.h"
#include "host/profile.h"
#include "host/program.h"
#include "host/zkvm_jobs.h"
#include "stark/simd/simd_dispatch.h"

namespace nb = nanobind;

namespace zkvm::python {
namespace {

using Bytes = std::span<const uint8_t>;

// REQUIRES: the object outlives the span. Python's bytes never change.
Bytes span_of(const nb::bytes& bytes) {
  return {static_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

nb::bytes bytes_of(Bytes bytes) { return nb::bytes(bytes.data(), bytes.size()); }

// Leaves C++ as the exception that zkvm/receipts.py makes of a code and a message.
struct Refused {
  Error error;
};

template <class T>
T value_of(Result<T> result) {
  if (!result) throw Refused{std::move(result.error())};
  return std::move(*result);
}

// The thread that ends the interpreter, once it does. Another one that asks for the lock then is ended by an exit that
// unwinds, through whatever stands on its stack; so it stops for good instead.
std::atomic<std::thread::id> g_ending;
std::atomic<int> g_asking = 0;  // threads that wait for the lock, or have it and run Python code that C++ called

// As long as a thread is one of those.
class Asking {
 public:
  Asking() {
    ++g_asking;
    const std::thread::id ending = g_ending;
    if (ending == std::thread::id() || ending == std::this_thread::get_id()) return;
    --g_asking;
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() { --g_asking; }
};

// The interpreter ends: nobody asks from now on, and who had asked is waited for, some seconds.
void end_asking() {
  g_ending = std::this_thread::get_id();
  const nb::gil_scoped_release unlocked;
  for (int i = 0; i < 5000 && g_asking != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// Without the interpreter's lock, as long as it lives. What the environment says of folders is read before, as other
// threads may change it then.
class Unlocked {
 public:
  Unlocked() {
    keep_environment();
    thread_ = PyEval_SaveThread();
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;
  ~Unlocked() {
    const Asking asking;
    PyEval_RestoreThread(thread_);
  }

 private:
  PyThreadState* thread_;
};

// What Python hears while C++ works without the interpreter's lock: signals, progress, the guest's console. An exception
// of theirs ends the work, and leaves it.
class Listener {
 public:
  Listener(nb::object progress, nb::object console)
      : progress_(std::move(progress)), console_(std::move(console)) {}

  // To go on? Looks only now and then: the lock may be another thread's for some milliseconds.
  template <class... Args>
  bool go_on(const Args&... args) {
    if (raised_) return false;
    const auto now = Clock::now();
    if (now < next_) return true;
    next_ = now + kInterval;
    const Asking asking;
    const nb::gil_scoped_acquire lock;
    return tell([&] {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (!progress_.is_none()) progress_(args...);
    });
  }

  std::function<void(uint32_t, Bytes)> console() {
    if (console_.is_none()) return {};
    return [this](uint32_t file, Bytes text) {
      if (raised_) return;
      const Asking asking;
      const nb::gil_scoped_acquire lock;
      tell([&] { console_(file, bytes_of(text)); });
    };
  }

  // Calls with the lock; false after an exception.
  template <class Call>
  bool locked(Call call) {
    if (raised_) return false;
    const Asking asking;
    const nb::gil_scoped_acquire lock;
    return tell(call);
  }

  // REQUIRES: the lock.
  void rethrow() const {
    if (raised_) std::rethrow_exception(raised_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{50};

  template <class Call>
  bool tell(Call call) {
    try {
      call();
    } catch (...) {
      if (!raised_) raised_ = std::current_exception();  // the first is why
    }
    return !raised_;
  }

  nb::object progress_, console_;
  std::exception_ptr raised_;
  Clock::time_point next_ = Clock::now() + kInterval;
};

// `work` without the interpreter's lock, and its value.
template <class Work>
auto listened(Listener& listener, Work work) {
  auto result = [&] {
    const Unlocked unlocked;
    return work();
  }();
  listener.rethrow();
  return value_of(std::move(result));
}

nb::list frames_of(const std::vector<SourceFrame>& frames) {
  nb::list out;
  for (const SourceFrame& frame : frames)
    out.append(nb::make_tuple(frame.function, frame.file, frame.line, frame.inlined));
  return out;
}

nb::dict dict_of(const LayerCount& layer) {
  nb::dict out;
  out["name"] = layer.name;
  out["calls"] = layer.calls;
  out["products"] = layer.products;
  out["weights"] = layer.weights;
  return out;
}

nb::dict dict_of(const Run& run) {
  nb::dict out;
  out["exit_code"] = run.exit_code;
  out["trap"] = nb::none();
  if (run.trap) {
    nb::dict trap;
    trap["kind"] = run.trap->kind;
    trap["pc"] = run.trap->pc;
    trap["message"] = run.trap->message;
    trap["where"] = frames_of(run.trap->where);
    out["trap"] = trap;
  }
  out["cycles"] = run.cycles;
  nb::dict classes;
  for (const ClassCount& of : run.classes) classes[of.name.c_str()] = of.count;
  out["classes"] = classes;
  nb::list layers;
  for (const LayerCount& layer : run.layers) layers.append(dict_of(layer));
  out["layers"] = layers;
  out["journal"] = bytes_of(run.journal);
  out["memory_touched"] = run.memory_touched;
  out["seconds"] = run.seconds;
  out["proof"] = nb::none();
  if (run.proof) {
    nb::dict proof;
    proof["segments"] = run.proof->segments;
    proof["cells"] = run.proof->cells;
    proof["seconds"] = run.proof->seconds;
    proof["memory"] = run.proof->memory;
    proof["receipt_bytes"] = run.proof->receipt_bytes;
    out["proof"] = proof;
  }
  return out;
}

nb::dict dict_of(const Proved& proved) {
  nb::dict out;
  out["run"] = dict_of(proved.run);
  out["receipt"] = bytes_of(proved.receipt);
  out["image_id"] = bytes_of(proved.image_id);
  out["segments"] = proved.segments;
  out["resumed"] = proved.resumed;
  out["rate"] = fmt::format("1/{}", 1u << proved.log_blowup);
  out["security_bits"] = proved.security_bits;
  out["regime"] = regime_name(proved.regime);
  out["seconds"] = proved.seconds;
  out["verify_seconds"] = proved.verify_seconds;
  out["peak_memory"] = proved.peak_memory;
  nb::list stages;
  for (const StageCost& stage : proved.stages)
    stages.append(nb::make_tuple(stage.name, stage.seconds));
  out["stages"] = stages;
  nb::list chips;
  for (const ChipCost& chip : proved.chips)
    chips.append(nb::make_tuple(chip.name, chip.rows, chip.padded, chip.cells));
  out["chips"] = chips;
  return out;
}

nb::list list_of(const std::vector<Hotspot>& rows) {
  nb::list out;
  for (const Hotspot& row : rows)
    out.append(nb::make_tuple(row.function, row.file, row.line, row.self, row.total));
  return out;
}

RunOptions run_options(uint64_t max_cycles, Listener& listener) {
  RunOptions options;
  options.max_cycles = max_cycles;
  options.console = listener.console();
  options.progress = [&listener](uint64_t cycles) { return listener.go_on(cycles); };
  return options;
}

nb::dict run(const nb::bytes& elf, const nb::bytes& input, uint64_t max_cycles, bool estimate,
             nb::object progress, nb::object console) {
  Listener listener(std::move(progress), std::move(console));
  RunOptions options = run_options(max_cycles, listener);
  options.estimate_proof = estimate;
  return dict_of(
      listened(listener, [&] { return zkvm::run(span_of(elf), span_of(input), options); }));
}

struct Measured {
  Run run;
  std::vector<Hotspot> functions, lines;
  std::string flamegraph;
  std::vector<uint8_t> pprof;
};

Result<Measured> measured(Bytes elf, Bytes input, const std::string& name,
                          const RunOptions& options) {
  const Result<vm::Program> program = load_program(elf);
  if (!program) return tl::unexpected(program.error());
  Result<ProfiledRun> profiled = zkvm::profile(elf, *program, input, options);
  if (!profiled) return tl::unexpected(profiled.error());
  SourceMap map(elf, *program);
  const CallTree tree = call_tree(profiled->profile, map);
  return Measured{std::move(profiled->run), by_function(tree), by_line(profiled->profile, map),
                  flamegraph_svg(tree, name), encode_pprof(profiled->profile, map, name)};
}

nb::dict profile(const nb::bytes& elf, const nb::bytes& input, const std::string& name,
                 uint64_t max_cycles, nb::object progress, nb::object console) {
  Listener listener(std::move(progress), std::move(console));
  const RunOptions options = run_options(max_cycles, listener);
  const Measured found = listened(
      listener, [&] { return measured(span_of(elf), span_of(input), printable(name), options); });
  nb::dict out;
  out["run"] = dict_of(found.run);
  out["functions"] = list_of(found.functions);
  out["lines"] = list_of(found.lines);
  out["flamegraph"] = found.flamegraph;
  out["pprof"] = bytes_of(found.pprof);
  return out;
}

// REQUIRES: one of the names that zkvm/proving.py lets pass.
Rate rate_of(const std::string& name) {
  return name == "1/2"        ? Rate::kHalf
         : name == "1/4"      ? Rate::kQuarter
         : name == "1/8"      ? Rate::kEighth
         : name == "smallest" ? Rate::kSmallest
         : name == "fastest"  ? Rate::kFastest
                              : Rate::kAuto;
}

nb::list list_of(std::span<const JobSegment> segments) {
  nb::list out;
  for (const JobSegment& segment : segments)
    out.append(nb::make_tuple(segment.cycles, segment.cells, segment.memory));
  return out;
}

nb::tuple tuple_of(const Added& added) { return nb::make_tuple(added.segment, added.dropped); }

// What Python does where ProveOptions::elsewhere is called: elsewhere(job, segments, missing, add). REQUIRES: the lock.
bool call_elsewhere(const nb::object& elsewhere, const Parts& parts) {
  // Python may keep the two functions; they are of use during the call only.
  struct Shared {
    std::mutex mutex;
    const Parts* parts;
  };
  const auto shared = std::make_shared<Shared>();
  shared->parts = &parts;
  struct Ends {
    Shared& shared;
    ~Ends() {
      const Unlocked unlocked;
      const std::lock_guard lock(shared.mutex);
      shared.parts = nullptr;
    }
  } const ends{*shared};
  const auto with_parts = [shared](auto use) {
    const Unlocked unlocked;
    const std::lock_guard lock(shared->mutex);
    if (shared->parts == nullptr) throw std::runtime_error("the proof has ended");
    return use(*shared->parts);
  };
  const nb::object missing = nb::cpp_function(
      [with_parts] { return with_parts([](const Parts& of) { return of.missing(); }); });
  const nb::object add = nb::cpp_function([with_parts](const nb::bytes& part) {
    return tuple_of(
        value_of(with_parts([&](const Parts& of) { return of.add(span_of(part)); })));
  });
  return nb::cast<bool>(elsewhere(bytes_of(parts.job), list_of(parts.segments), missing, add));
}

// Those that a proof and a plan share.
ProveOptions prove_options(double security_bits, bool unique, const std::string& rate,
                           uint64_t segment_cycles, uint64_t memory_limit, uint64_t max_cycles,
                           Listener& listener) {
  ProveOptions options;
  options.security_bits = security_bits;
  options.regime = unique ? Regime::kUnique : Regime::kJohnson;
  options.rate = rate_of(rate);
  options.segment_cycles = segment_cycles;
  options.memory_limit = memory_limit;
  options.max_cycles = max_cycles;
  options.console = listener.console();
  options.progress = [&listener](const ProveProgress& at) {
    return listener.go_on(at.fraction, at.segment, at.segments, at.cycles, std::string(at.stage));
  };
  return options;
}

nb::dict prove(const nb::bytes& elf, const nb::bytes& input, double security_bits, bool unique,
               const std::string& rate, uint64_t segment_cycles, uint64_t memory_limit,
               const nb::bytes& resume_folder, uint32_t threads, uint64_t max_cycles,
               nb::object progress, nb::object console, const nb::object& elsewhere) {
  Listener listener(std::move(progress), std::move(console));
  ProveOptions options = prove_options(security_bits, unique, rate, segment_cycles, memory_limit,
                                       max_cycles, listener);
  if (!elsewhere.is_none())
    options.elsewhere = [&](const Parts& parts) -> Result<bool> {
      bool done = false;
      if (listener.locked([&] { done = call_elsewhere(elsewhere, parts); })) return done;
      return tl::unexpected(Error{ErrorCode::kCancelled, "an exception"});
    };
  options.resume_folder = {resume_folder.c_str(), resume_folder.size()};
  options.threads = threads;
  std::chrono::duration<double> in_cxx{};
  nb::dict out = dict_of(listened(listener, [&] {
    const auto begun = std::chrono::steady_clock::now();
    auto proved = zkvm::prove(span_of(elf), span_of(input), options);
    in_cxx = std::chrono::steady_clock::now() - begun;
    return proved;
  }));
  out["call_seconds"] = in_cxx.count();  // for tests/bench/python_overhead.py
  return out;
}

nb::dict plan(const nb::bytes& elf, const nb::bytes& input, double security_bits, bool unique,
              const std::string& rate, uint64_t segment_cycles, uint64_t memory_limit,
              uint64_t max_cycles, nb::object progress, nb::object console) {
  Listener listener(std::move(progress), std::move(console));
  const ProveOptions options = prove_options(security_bits, unique, rate, segment_cycles, memory_limit,
                                             max_cycles, listener);
  const Planned planned =
      listened(listener, [&] { return zkvm::plan(span_of(elf), span_of(input), options); });
  nb::dict out;
  out["run"] = dict_of(planned.run);
  out["job"] = bytes_of(planned.job);
  return out;
}

// zkvm::Job, for one thread at a time.
class OpenJob {
  template <class Use>
  auto used(Use use) {
    refuse_own();
    const Unlocked unlocked;
    const std::lock_guard lock(mutex_);
    return use(*job_);
  }

 public:
  explicit OpenJob(const nb::bytes& job) {
    auto opened = [&] {
      const Unlocked unlocked;
      return Job::open(span_of(job));
    }();
    job_.emplace(value_of(std::move(opened)));
  }
  nb::list segments() const { return list_of(job_->segments()); }
  nb::bytes image_id() const { return bytes_of(job_->image_id()); }
  std::vector<uint32_t> missing() { return used([](Job& job) { return job.missing(); }); }
  nb::bytes prove(uint32_t segment, uint32_t threads, nb::object progress) {
    if (segment >= job_->segments().size()) throw nb::index_error("no such segment");
    Listener listener(std::move(progress), nb::none());
    const SegmentOptions options{.threads = threads,
                                 .progress = [&listener](double part, const char* stage) {
                                   return listener.go_on(part, std::string(stage));
                                 }};
    refuse_own();
    return bytes_of(listened(listener, [&] {
      const std::lock_guard lock(mutex_);
      prover_ = std::this_thread::get_id();
      auto part = job_->prove(segment, options);
      prover_ = std::thread::id();
      return part;
    }));
  }
  nb::tuple add(const nb::bytes& part) {
    return tuple_of(value_of(used([&](Job& job) { return job.add(span_of(part)); })));
  }
  nb::bytes assemble() {
    return bytes_of(value_of(used([](Job& job) { return job.assemble(); })).receipt);
  }

 private:
  // What prove() calls would wait for itself.
  void refuse_own() const {
    if (prover_ == std::this_thread::get_id())
      throw std::runtime_error("a job's progress cannot use the job");
  }

  std::optional<Job> job_;
  std::mutex mutex_;
  std::atomic<std::thread::id> prover_;
};

nb::bytes image_id(const nb::bytes& elf) {
  const auto id = [&] {
    const Unlocked unlocked;
    return zkvm::image_id(span_of(elf));
  }();
  return bytes_of(value_of(id));
}

// What the guest says of its model: the section's own bytes, and as checked JSON with all that may be left out; nothing
// of a guest that says nothing.
std::optional<std::pair<nb::bytes, std::string>> description(const nb::bytes& elf) {
  const std::vector<uint8_t> section = value_of(model_section(span_of(elf)));
  if (section.empty()) return {};
  return std::pair(bytes_of(section), write_model_info(value_of(read_model_info(section))));
}

Array array_of(const std::string& type, std::vector<uint64_t> shape, const nb::bytes& elements) {
  for (int i = 0; i <= static_cast<int>(ArrayType::kFloat64); ++i) {
    const auto known = static_cast<ArrayType>(i);
    if (type != name_of(known)) continue;
    const Bytes bytes = span_of(elements);
    uint64_t wanted = zkvm::bytes_of(known);
    for (const uint64_t axis : shape) wanted *= axis;
    if (wanted != bytes.size()) throw nb::value_error("array: its bytes are not of its shape");
    return {known, std::move(shape), {bytes.begin(), bytes.end()}};
  }
  throw Refused{{ErrorCode::kMalformedArray,
                 fmt::format("array: type: expected numbers or booleans, found {}", type)}};
}

nb::bytes encode_input(const nb::bytes& section, const nb::list& arrays, const nb::bytes& weights,
                       bool inputs_alone) {
  ModelInfo info = value_of(read_model_info(span_of(section)));
  if (inputs_alone) info.forget_private_weights();
  std::vector<InputArray> inputs;
  for (const nb::handle entry : arrays) {
    const auto array = nb::cast<nb::tuple>(entry);
    inputs.push_back({nb::cast<std::string>(array[0]),
                      array_of(nb::cast<std::string>(array[1]),
                               nb::cast<std::vector<uint64_t>>(array[2]),
                               nb::cast<nb::bytes>(array[3]))});
  }
  return bytes_of(value_of(zkvm::encode_input(info, inputs, span_of(weights))));
}

zk::Salt salt_of(const nb::bytes& bytes) {
  zk::Salt salt;
  if (bytes.size() != salt.size())
    throw Refused{{ErrorCode::kUnfitSalt,
                   fmt::format("salt: expected {} bytes, found {}", salt.size(), bytes.size())}};
  std::ranges::copy(span_of(bytes), salt.begin());
  return salt;
}

nb::bytes commit_bytes(const nb::bytes& data, const nb::bytes& salt) {
  return bytes_of(zk::commitment(span_of(data), salt_of(salt)));
}

nb::bytes commit_array(const std::string& type, std::vector<uint64_t> shape,
                       const nb::bytes& elements, const nb::bytes& salt) {
  return bytes_of(
      value_of(commitment_of(array_of(type, std::move(shape), elements), salt_of(salt))));
}

// The command line. For a process that does nothing else: it ends by signals.
int command(const std::vector<nb::bytes>& words) {
  std::vector<std::string> copies;
  for (const nb::bytes& word : words) copies.emplace_back(word.c_str(), word.size());
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // How it starts other processes of this program.
  cli::own_command() = {nb::cast<std::string>(nb::module_::import_("sys").attr("executable")), "-m",
                        "zkvm"};
  const Unlocked unlocked;
  return cli::command_main(static_cast<int>(copies.size()), arguments.data());
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Refused& refused) {
    const nb::object exception = nb::module_::import_("zkvm.receipts")
                                     .attr("error_of")(name_of(refused.error.code),
                                                       refused.error.message, false);
    PyErr_SetObject(exception.type().ptr(), exception.ptr());
  }
}

}  // namespace

NB_MODULE(_native, m) {
  using namespace nb::literals;
  nb::register_exception_translator(translate);
  m.doc() = "host/zkvm.h, for the package zkvm.";
#ifdef ZKVM_SIMD_ENABLED
  static_cast<void>(stark::simd_target());  // it reads the environment when it is first asked
#endif
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&end_asking));
  m.def("image_id", &image_id, "elf"_a);
  m.def("description", &description, "elf"_a);
  m.def("encode_input", &encode_input, "section"_a, "arrays"_a, "weights"_a, "inputs_alone"_a,
        nb::sig("def encode_input(section: bytes, arrays: list[tuple[str, str, list[int], bytes]], "
                "weights: bytes, inputs_alone: bool) -> bytes"));
  m.def("run", &run, "elf"_a, "input"_a, "max_cycles"_a, "estimate"_a, "progress"_a.none(),
        "console"_a.none());
  m.def("profile", &profile, "elf"_a, "input"_a, "name"_a, "max_cycles"_a, "progress"_a.none(),
        "console"_a.none());
  m.def("prove", &prove, "elf"_a, "input"_a, "security_bits"_a, "unique"_a, "rate"_a,
        "segment_cycles"_a, "memory_limit"_a, "resume_folder"_a, "threads"_a, "max_cycles"_a,
        "progress"_a.none(), "console"_a.none(), "elsewhere"_a.none());
  m.def("plan", &plan, "elf"_a, "input"_a, "security_bits"_a, "unique"_a, "rate"_a,
        "segment_cycles"_a, "memory_limit"_a, "max_cycles"_a, "progress"_a.none(),
        "console"_a.none());
  nb::class_<OpenJob>(m, "Job")
      .def(nb::init<const nb::bytes&>(), "job"_a)
      .def("segments", &OpenJob::segments)
      .def("image_id", &OpenJob::image_id)
      .def("missing", &OpenJob::missing)
      .def("prove", &OpenJob::prove, "segment"_a, "threads"_a, "progress"_a.none())
      .def("add", &OpenJob::add, "part"_a)
      .def("assemble", &OpenJob::assemble);
  m.def("commit_bytes", &commit_bytes, "data"_a, "salt"_a);
  m.def("commit_array", &commit_array, "type"_a, "shape"_a, "elements"_a, "salt"_a);
  m.def("command", &command, "words"_a);
  m.def("release_memory", [] {
    const Unlocked unlocked;
    release_memory();
  });
}

}  // namespace zkvm::python
