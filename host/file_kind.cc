#include "host/file_kind.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>

#include "host/receipt.h"

namespace zkvm {
namespace {

using Type = FileKind::Type;

struct Magic {
  std::string_view bytes;
  Type type;
  const char* name;
};

// Longer ones first where one begins another.
constexpr Magic kMagics[] = {
    {"!<arch>\n", Type::kObject, "an archive of object files"},
    {"!<thin>\n", Type::kObject, "an archive of object files"},
    {"BC\xC0\xDE", Type::kObject, "LLVM bitcode"},
    {{"\0asm", 4}, Type::kObject, "a WebAssembly module"},
    {"\xCF\xFA\xED\xFE", Type::kOther, "a macOS program"},
    {"MZ", Type::kOther, "a Windows program"},
    {"\x1F\x8B", Type::kOther, "gzip-compressed data"},
    {"\xFD"
     "7zXZ",
     Type::kOther, "xz-compressed data"},
    {"\x28\xB5\x2F\xFD", Type::kOther, "zstd-compressed data"},
    {"BZh", Type::kOther, "bzip2-compressed data"},
    {"PK\x03\x04", Type::kOther, "a zip archive"},
    {"\x93NUMPY", Type::kOther, "a NumPy array"},
    {"\x89PNG", Type::kOther, "a PNG picture"},
    {"\xFF\xD8\xFF", Type::kOther, "a JPEG picture"},
    {"%PDF", Type::kOther, "a PDF document"},
    {"zkvm job ", Type::kOther, "the job of a proof in parts"},
    {"zkvm segment ", Type::kOther, "a segment's part of a proof"},
    {"ZKVI", Type::kOther, "an image"},
    {"ZKVK", Type::kOther, "a verifying key"},
    {"ZKPF", Type::kOther, "the proof of one segment"},
    {"#!", Type::kOther, "a script"},
};

// With its article.
std::string machine_name(uint16_t machine, bool is_64) {
  switch (machine) {
    case EM_RISCV:
      return is_64 ? "a 64-bit RISC-V" : "a 32-bit RISC-V";
    case EM_X86_64:
      return "an x86-64";
    case EM_386:
      return "an x86";
    case EM_AARCH64:
      return "an AArch64";
    case EM_ARM:
      return "an ARM";
    case EM_MIPS:
      return "a MIPS";
    case EM_PPC:
    case EM_PPC64:
      return "a PowerPC";
    case EM_S390:
      return "an IBM Z";
    case EM_SPARC:
    case EM_SPARCV9:
      return "a SPARC";
    case EM_LOONGARCH:
      return "a LoongArch";
    case EM_BPF:
      return "an eBPF";
    default:
      return fmt::format("a machine-{}", machine);
  }
}

// The fields of an ELF file of either class and byte order.
class ElfFields {
 public:
  explicit ElfFields(std::span<const uint8_t> bytes)
      : bytes_(bytes),
        is_64_(bytes[EI_CLASS] == ELFCLASS64),
        is_big_(bytes[EI_DATA] == ELFDATA2MSB) {}

  [[nodiscard]] bool is_64() const { return is_64_; }
  [[nodiscard]] bool is_big() const { return is_big_; }
  [[nodiscard]] uint16_t machine() const {
    return static_cast<uint16_t>(field(offsetof(Elf32_Ehdr, e_machine), 2));
  }
  [[nodiscard]] uint16_t type() const {
    return static_cast<uint16_t>(field(offsetof(Elf32_Ehdr, e_type), 2));
  }

  // A file of type ET_DYN is a program if it names its loader or says so (static-pie).
  [[nodiscard]] bool is_position_independent_program() const {
    const uint64_t table =
        is_64_ ? field(offsetof(Elf64_Ehdr, e_phoff), 8) : field(offsetof(Elf32_Ehdr, e_phoff), 4);
    const uint64_t count =
        field(is_64_ ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t at = table + i * (is_64_ ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
      if (at >= bytes_.size()) return false;
      const uint64_t type = field(at, 4);
      if (type == PT_INTERP) return true;
      if (type == PT_DYNAMIC && says_program(at)) return true;
    }
    return false;
  }

 private:
  // 0 where the file ends before it.
  [[nodiscard]] uint64_t field(uint64_t offset, size_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      value = value << 8 | bytes_[offset + (is_big_ ? i : size - 1 - i)];
    }
    return value;
  }

  [[nodiscard]] bool says_program(uint64_t header) const {
    const size_t word = is_64_ ? 8 : 4;
    const uint64_t begin = field(
        header + (is_64_ ? offsetof(Elf64_Phdr, p_offset) : offsetof(Elf32_Phdr, p_offset)), word);
    for (uint64_t at = begin; at < bytes_.size(); at += 2 * word) {
      const uint64_t tag = field(at, word);
      if (tag == DT_NULL) return false;
      if (tag == DT_FLAGS_1) return (field(at + word, word) & DF_1_PIE) != 0;
    }
    return false;
  }

  std::span<const uint8_t> bytes_;
  bool is_64_, is_big_;
};

FileKind elf_kind(std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(Elf32_Ehdr)) return {Type::kOther, "the beginning of an ELF file"};
  const uint8_t size = bytes[EI_CLASS], order = bytes[EI_DATA];
  if ((size != ELFCLASS32 && size != ELFCLASS64) || (order != ELFDATA2LSB && order != ELFDATA2MSB))
    return {Type::kOther, "a damaged ELF file"};
  const ElfFields elf(bytes);
  std::string name = machine_name(elf.machine(), elf.is_64());
  if (elf.is_big()) name = "a big-endian" + name.substr(name.find(' '));
  switch (elf.type()) {
    case ET_EXEC:
      if (elf.machine() == EM_RISCV && !elf.is_64() && !elf.is_big())
        return {Type::kGuest, "a guest"};
      return {Type::kOther, name + " program"};
    case ET_REL:
      return {Type::kObject, name + " object file"};
    case ET_DYN:
      if (elf.is_position_independent_program()) {
        // For another machine it does not matter how the program was linked.
        if (elf.machine() == EM_RISCV) name += " position-independent";
        return {Type::kOther, name + " program"};
      }
      return {Type::kOther, name + " shared library"};
    case ET_CORE:
      return {Type::kOther, name + " core dump"};
    default:
      return {Type::kOther, name + " ELF file of an unknown type"};
  }
}

// UTF-8 without control characters, as far as the first bytes show it.
bool is_text(std::span<const uint8_t> bytes) {
  constexpr size_t kLooked = 4096;
  const auto head = bytes.first(std::min(bytes.size(), kLooked));
  size_t follow = 0;
  for (const uint8_t byte : head) {
    if (follow > 0) {
      if ((byte & 0xC0) != 0x80) return false;
      --follow;
    } else if (byte >= 0x80) {
      follow = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
      if (byte < 0xC2 || byte > 0xF4) return false;
    } else if (byte == 0 || byte == 0x7F ||
               (byte < 0x20 && std::strchr("\t\n\r\f\v\b\033", byte) == nullptr)) {
      return false;
    }
  }
  return follow == 0 || head.size() < bytes.size();
}

}  // namespace

FileKind file_kind(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return {Type::kOther, "an empty file"};
  if (is_receipt(bytes)) return {Type::kReceipt, "a receipt"};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(ELFMAG)) return elf_kind(bytes);
  const auto magic =
      std::ranges::find_if(kMagics, [&](const Magic& m) { return text.starts_with(m.bytes); });
  if (magic != std::end(kMagics)) return {magic->type, magic->name};
  if (text.size() > 262 && text.substr(257, 5) == "ustar") return {Type::kOther, "a tar archive"};
  if (is_text(bytes)) return {Type::kOther, "a text file"};
  return {Type::kOther, "data of no known kind"};
}

}  // namespace zkvm
