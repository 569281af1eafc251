#include "host/source_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/Demangle/Demangle.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/MemoryBuffer.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace zkvm {

namespace {

// Length of the well-formed UTF-8 sequence of a printable character at the front of `text`, or 0.
size_t printable_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  uint32_t code = byte(0) & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool too_long = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool turns = code == 0x61c || code == 0x200e || code == 0x200f ||
                     (code >= 0x2066 && code <= 0x2069);  // the direction of what follows, too
  const bool control = code < 0xa0 || (code >= 0x2028 && code <= 0x202e) || turns ||
                       (code >= 0xd800 && code < 0xe000) || code >= 0xfffe;
  return too_long || control ? 0 : length;
}

// `name` with what stands in brackets nested deeper than `depth` written "..".
std::string with_brackets_cut(std::string_view name, int depth) {
  std::string out;
  int level = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const std::string_view before = name.substr(0, i);
    const bool in_operator = before.ends_with("operator") || before.ends_with("operator<") ||
                             before.ends_with("operator>") || before.ends_with("operator-") ||
                             before.ends_with("operator<=");
    const bool opens = c == '(' || (c == '<' && !in_operator);
    const bool closes = level > 0 && (c == ')' || (c == '>' && !in_operator));
    if (closes) --level;
    if (level <= depth) out += c;
    if (opens && level++ == depth && i + 1 < name.size() && name[i + 1] != ')') out += "..";
  }
  return out;
}

SourceFrame frame_of(const llvm::DILineInfo& info, uint32_t pc, const SourceFrame& fallback) {
  const auto known = [](const std::string& s) { return s != llvm::DILineInfo::BadString; };
  SourceFrame frame = fallback;
  if (known(info.FunctionName)) {
    frame.function = demangled(info.FunctionName);
    frame.offset = 0;
    if (info.StartAddress && *info.StartAddress <= pc) {
      frame.offset = pc - static_cast<uint32_t>(*info.StartAddress);
    }
  }
  if (known(info.FileName)) {
    frame.file = printable(info.FileName);
    frame.line = info.Line;
  }
  if (known(info.StartFileName)) {
    frame.start_file = printable(info.StartFileName);
    frame.start_line = info.StartLine;
  }
  return frame;
}

// What the symbol table alone says.
SourceFrame frame_of(const vm::Program& program, uint32_t pc) {
  SourceFrame frame;
  if (const vm::Symbol* symbol = program.symbol_at(pc)) {
    frame.function = demangled(symbol->name);
    frame.offset = pc - symbol->address;
  } else {
    frame.function = fmt::format("0x{:x}", pc);
  }
  return frame;
}

// --- In the child process -----------------------------------------------------------------------

void write_all(int fd, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + at, bytes.size() - at);
    if (n <= 0) _exit(1);
    at += static_cast<size_t>(n);
  }
}

void put(std::string& out, uint32_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put(std::string& out, const std::string& text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

// Debug information that is broken, or that a linker cut short, only means that less is known.
void ignore(llvm::Error error) { llvm::consumeError(std::move(error)); }

// Writes whether there are line tables, then for each pc its frames.
void answer(int fd, std::span<const uint8_t> elf, const vm::Program& program,
            std::span<const uint32_t> pcs) {
  const llvm::StringRef bytes(reinterpret_cast<const char*>(elf.data()), elf.size());
  auto file = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "guest"));
  if (!file) return ignore(file.takeError());
  const auto dwarf = llvm::DWARFContext::create(
      **file, llvm::DWARFContext::ProcessDebugRelocations::Ignore, nullptr, "", ignore, ignore);
  std::string out;
  put(out, !dwarf->getDWARFObj().getLineSection().Data.empty());
  write_all(fd, out);

  using Specifier = llvm::DILineInfoSpecifier;
  const Specifier specifier(Specifier::FileLineInfoKind::AbsoluteFilePath,
                            Specifier::FunctionNameKind::LinkageName);
  for (uint32_t pc : pcs) {
    const llvm::DIInliningInfo info = dwarf->getInliningInfoForAddress(
        {pc, llvm::object::SectionedAddress::UndefSection}, specifier);
    const SourceFrame fallback = frame_of(program, pc);
    out.clear();
    put(out, info.getNumberOfFrames());
    for (uint32_t i = 0; i < info.getNumberOfFrames(); ++i) {
      const SourceFrame frame = frame_of(info.getFrame(i), pc, fallback);
      put(out, frame.function);
      put(out, frame.offset);
      put(out, frame.file);
      put(out, frame.line);
      put(out, frame.start_file);
      put(out, frame.start_line);
    }
    write_all(fd, out);
  }
}

// --- In this process ----------------------------------------------------------------------------

// All that the child writes until it ends, by itself or not.
std::string ask(std::span<const uint8_t> elf, const vm::Program& program,
                std::span<const uint32_t> pcs) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "";
  const pid_t child = fork();
  if (child == 0) {
    constexpr rlim_t kSeconds = 60;
    const rlimit cpu{kSeconds, kSeconds};
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &none);
    for (int crash : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) std::signal(crash, SIG_DFL);
    answer(ends[1], elf, program, pcs);
    _exit(0);
  }
  close(ends[1]);
  std::string out;
  if (child > 0) {
    char buffer[1 << 14];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) != 0;) {
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) break;
      out.append(buffer, static_cast<size_t>(n));
    }
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  return out;
}

// Reads what answer() wrote; what was cut off reads as nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool get(uint32_t& value) {
    if (bytes_.size() < sizeof value) return false;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return true;
  }
  bool get(std::string& text) {
    uint32_t size;
    if (!get(size) || bytes_.size() < size) return false;
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool get(SourceFrame& f) {
    return get(f.function) && get(f.offset) && get(f.file) && get(f.line) && get(f.start_file) &&
           get(f.start_line);
  }
  bool get(std::vector<SourceFrame>& frames) {
    uint32_t count;
    if (!get(count)) return false;
    for (uint32_t i = 0; i < count; ++i) {
      frames.emplace_back().inlined = i + 1 < count;
      if (!get(frames.back())) return false;
    }
    return true;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

SourceMap::SourceMap(std::span<const uint8_t> elf, const vm::Program& program)
    : elf_(elf), program_(&program) {}

bool SourceMap::has_debug_information() {
  if (!has_lines_) look_up({});
  return *has_lines_;
}

void SourceMap::look_up(std::span<const uint32_t> pcs) {
  std::vector<uint32_t> unknown;
  for (uint32_t pc : pcs) {
    if (known_.try_emplace(pc).second) unknown.push_back(pc);
  }
  if (unknown.empty() && has_lines_) return;
  // Without line tables there is nothing that the symbol table doesn't know.
  const std::string answers = has_lines_ == false ? "" : ask(elf_, *program_, unknown);
  Reader reader(answers);
  uint32_t has_lines = 0;
  bool whole = reader.get(has_lines);
  has_lines_ = has_lines != 0;
  for (uint32_t pc : unknown) {
    std::vector<SourceFrame>& frames = known_[pc];
    whole = whole && reader.get(frames);
    if (!whole) frames.clear();
    if (frames.empty()) frames.push_back(frame_of(*program_, pc));
  }
}

const std::vector<SourceFrame>& SourceMap::at(uint32_t pc) {
  const auto entry = known_.find(pc);
  if (entry != known_.end()) return entry->second;
  look_up({{pc}});
  return known_.at(pc);
}

std::string demangled(const std::string& symbol) {
  constexpr size_t kLongest = 4096;  // the demanglers recurse
  if (symbol.size() > kLongest) return printable(symbol.substr(0, kLongest));
  // Compilers name their copies of a function "_Z3fooi.constprop.0".
  const std::string original = symbol.substr(0, symbol.find('.'));
  // C++'s demangler takes any text for a type: `f` would be "float".
  char* text = nullptr;
  if (original.starts_with("_R")) {
    text = llvm::rustDemangle(original);
  } else if (original.starts_with("_Z")) {
    llvm::ItaniumPartialDemangler demangler;
    if (!demangler.partialDemangle(original.c_str())) {
      text = demangler.isFunction() ? demangler.getFunctionName(nullptr, nullptr)
                                    : demangler.finishDemangle(nullptr, nullptr);
    }
  }
  if (text == nullptr) return printable(symbol);
  std::string name = printable(text);
  std::free(text);
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (size_t at; (at = name.find(kAnonymous)) != name.npos;) name.erase(at, kAnonymous.size());
  return name;
}

std::string short_name(std::string_view function, size_t width) {
  for (int depth : {3, 2, 1}) {
    std::string name = with_brackets_cut(function, depth);
    if (name.size() <= width) return name;
  }
  return with_brackets_cut(function, 0);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = printable_length(text);
    if (length == 0) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

}  // namespace zkvm
