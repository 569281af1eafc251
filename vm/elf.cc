#include "vm/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "vm/layer/section.h"

namespace zkvm::vm {
namespace {

constexpr size_t kMaxSegments = 64;  // bounds what small files can make us copy
constexpr uint32_t kPtGnuProperty = 0x6474e553;
constexpr uint32_t kPtRiscvAttributes = 0x70000003;

template <class... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{code, "ELF: " + fmt::format(format, std::forward<Args>(args)...)});
}

// A T at `offset` of the file, or nothing when it does not fit. The offset is 64 bits wide so that
// sums of 32-bit fields cannot wrap.
template <class T>
std::optional<T> read_at(std::span<const uint8_t> file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

Result<Elf32_Ehdr> read_header(std::span<const uint8_t> file) {
  const auto header = read_at<Elf32_Ehdr>(file, 0);
  if (!header) {
    return fail(ErrorCode::kTruncated, "file header: expected {} bytes, found {}",
                sizeof(Elf32_Ehdr), file.size());
  }
  const uint8_t* ident = header->e_ident;
  if (std::memcmp(ident, ELFMAG, SELFMAG) != 0) {
    return fail(ErrorCode::kNotElf,
                "magic: expected 7f 45 4c 46, found {:02x} {:02x} {:02x} {:02x}", ident[0],
                ident[1], ident[2], ident[3]);
  }
  if (ident[EI_CLASS] != ELFCLASS32) {
    return fail(ErrorCode::kNotElf, "class: expected 1 (32 bits), found {}", ident[EI_CLASS]);
  }
  if (ident[EI_DATA] != ELFDATA2LSB) {
    return fail(ErrorCode::kNotElf, "byte order: expected 1 (little endian), found {}",
                ident[EI_DATA]);
  }
  if (ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT) {
    return fail(ErrorCode::kNotElf, "version: expected 1, found {} and {}", ident[EI_VERSION],
                header->e_version);
  }
  if (header->e_machine != EM_RISCV) {
    return fail(ErrorCode::kWrongMachine, "machine: expected 243 (RISC-V), found {}",
                header->e_machine);
  }
  if (header->e_type != ET_EXEC) {
    return fail(ErrorCode::kWrongMachine, "type: expected 2 (static executable), found {}",
                header->e_type);
  }
  if (header->e_flags != 0) {
    return fail(ErrorCode::kWrongMachine,
                "flags: expected 0 (rv32im, ilp32: no compressed code, no hardware floats), found "
                "{:#x}",
                header->e_flags);
  }
  if (header->e_ehsize != sizeof(Elf32_Ehdr)) {
    return fail(ErrorCode::kBadHeader, "file header size: expected {}, found {}",
                sizeof(Elf32_Ehdr), header->e_ehsize);
  }
  return *header;
}

Result<std::vector<Elf32_Phdr>> read_segments(std::span<const uint8_t> file,
                                              const Elf32_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf32_Phdr)) {
    return fail(ErrorCode::kBadHeader, "program header size: expected {}, found {}",
                sizeof(Elf32_Phdr), header.e_phentsize);
  }
  if (header.e_phnum == 0 || header.e_phnum > kMaxSegments) {
    return fail(ErrorCode::kBadHeader, "program headers: expected 1 to {}, found {}", kMaxSegments,
                header.e_phnum);
  }
  std::vector<Elf32_Phdr> segments;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    const uint64_t offset = header.e_phoff + i * sizeof(Elf32_Phdr);
    const auto segment = read_at<Elf32_Phdr>(file, offset);
    if (!segment) {
      return fail(
          ErrorCode::kTruncated,
          "program headers: expected {} of {} bytes inside the file of {:#x}, found number {} at "
          "offset {:#x}",
          header.e_phnum, sizeof(Elf32_Phdr), file.size(), i, offset);
    }
    segments.push_back(*segment);
  }
  return segments;
}

// Segments that describe something but load nothing. PT_TLS repeats bytes of a PT_LOAD segment.
bool is_ignorable(uint32_t type) {
  switch (type) {
    case PT_NULL:
    case PT_NOTE:
    case PT_PHDR:
    case PT_TLS:
    case PT_GNU_EH_FRAME:
    case PT_GNU_STACK:
    case PT_GNU_RELRO:
    case kPtGnuProperty:
    case kPtRiscvAttributes:
      return true;
    default:
      return false;
  }
}

Result<Region> to_region(std::span<const uint8_t> file, size_t index, const Elf32_Phdr& segment) {
  const uint32_t flags = segment.p_flags;
  if (flags != PF_R && flags != (PF_R | PF_W) && flags != (PF_R | PF_X)) {
    return fail(ErrorCode::kBadPermissions,
                "segment {}: expected flags 4 (r--), 6 (rw-) or 5 (r-x), found {:#x}", index,
                flags);
  }
  const uint32_t align = segment.p_align;
  if ((align & (align - 1)) != 0 ||
      (align > 1 && (segment.p_vaddr - segment.p_offset) % align != 0)) {
    return fail(ErrorCode::kBadHeader,
                "segment {}: expected an alignment that is a power of two and under which address "
                "{:#x} and offset {:#x} agree, found {:#x}",
                index, segment.p_vaddr, segment.p_offset, align);
  }
  const uint64_t end = uint64_t{segment.p_vaddr} + segment.p_memsz;
  if (segment.p_vaddr % 4 != 0 || segment.p_vaddr < kAddressBegin || end > kAddressEnd) {
    return fail(
        ErrorCode::kBadAddress,
        "segment {}: expected a base that is a multiple of 4 and at least {:#x}, and an end "
        "of at most {:#x}, found {:#x} to {:#x}",
        index, kAddressBegin, kAddressEnd, segment.p_vaddr, end);
  }
  if (segment.p_filesz > segment.p_memsz) {
    return fail(ErrorCode::kBadHeader,
                "segment {}: expected at most as many bytes in the file as in memory ({:#x}), "
                "found {:#x}",
                index, segment.p_memsz, segment.p_filesz);
  }
  const uint64_t file_end = uint64_t{segment.p_offset} + segment.p_filesz;
  if (file_end > file.size()) {
    return fail(ErrorCode::kTruncated,
                "segment {}: expected its bytes inside the file of {:#x}, found {:#x} to {:#x}",
                index, file.size(), segment.p_offset, file_end);
  }
  const auto bytes = file.subspan(segment.p_offset, segment.p_filesz);
  Region region{.base = segment.p_vaddr,
                .size = (segment.p_memsz + 3) & ~3u,
                .write = (flags & PF_W) != 0,
                .execute = (flags & PF_X) != 0,
                .bytes = {bytes.begin(), bytes.end()}};
  region.bytes.resize((bytes.size() + 3) & ~size_t{3});  // a last word in part, as memory has it
  return region;
}

Result<std::vector<Region>> read_regions(std::span<const uint8_t> file,
                                         std::span<const Elf32_Phdr> segments,
                                         const LoadLimits& limits) {
  std::vector<Region> regions;
  uint64_t total = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (is_ignorable(segments[i].p_type)) continue;
    if (segments[i].p_type != PT_LOAD) {
      return fail(
          ErrorCode::kUnsupportedSegment,
          "segment {}: expected a static program, found type {:#x}{}", i, segments[i].p_type,
          segments[i].p_type == PT_DYNAMIC || segments[i].p_type == PT_INTERP ? " (dynamic linking)"
                                                                              : "");
    }
    if (segments[i].p_memsz == 0) continue;
    total += segments[i].p_memsz;
    if (total > limits.memory_bytes) {  // before its bytes are copied
      return fail(ErrorCode::kMemoryLimit,
                  "segment {}: expected at most {:#x} bytes of memory in all, found {:#x}", i,
                  limits.memory_bytes, total);
    }
    auto region = to_region(file, i, segments[i]);
    if (!region) return tl::unexpected(std::move(region.error()));
    regions.push_back(std::move(*region));
  }
  std::ranges::sort(regions, {}, &Region::base);
  for (size_t i = 1; i < regions.size(); ++i) {
    const Region& before = regions[i - 1];
    if (before.contains(regions[i].base)) {
      return fail(ErrorCode::kOverlap,
                  "segments: expected disjoint words, found {:#x} to {:#x} and {:#x} to {:#x}",
                  before.base, before.base + before.size, regions[i].base,
                  regions[i].base + regions[i].size);
    }
  }
  return regions;
}

// One executable segment, filled by the file: pc, text index and row of the proof's program table
// are then one number, and decoded text costs a multiple of the file's size.
Result<void> check_text(const std::vector<Region>& regions, uint32_t entry) {
  const auto count = std::ranges::count_if(regions, &Region::execute);
  if (count != 1) {
    return fail(ErrorCode::kBadExecutableSegments, "expected one executable segment, found {}",
                count);
  }
  const Region& text = *std::ranges::find_if(regions, &Region::execute);
  if (text.bytes.size() != text.size) {
    return fail(ErrorCode::kBadExecutableSegments,
                "executable segment: expected as many bytes in the file as in memory ({:#x}), "
                "found {:#x}",
                text.size, text.bytes.size());
  }
  if (entry % 4 != 0 || !text.contains(entry)) {
    return fail(ErrorCode::kBadEntry,
                "entry: expected a multiple of 4 from {:#x} to {:#x}, found {:#x}", text.base,
                text.base + text.size, entry);
  }
  return {};
}

struct SymbolTable {
  std::span<const uint8_t> entries;
  std::span<const uint8_t> names;
};

Result<Elf32_Shdr> read_section(std::span<const uint8_t> file, const Elf32_Ehdr& header,
                                uint32_t index) {
  if (header.e_shentsize != sizeof(Elf32_Shdr)) {
    return fail(ErrorCode::kBadHeader, "section header size: expected {}, found {}",
                sizeof(Elf32_Shdr), header.e_shentsize);
  }
  const uint64_t offset = header.e_shoff + uint64_t{index} * sizeof(Elf32_Shdr);
  const auto section = read_at<Elf32_Shdr>(file, offset);
  if (index >= header.e_shnum || !section) {
    return fail(ErrorCode::kTruncated,
                "section headers: expected number {} of {} inside the file of {:#x}, found it at "
                "offset {:#x}",
                index, header.e_shnum, file.size(), offset);
  }
  const uint64_t end = uint64_t{section->sh_offset} + section->sh_size;
  if (section->sh_type != SHT_NOBITS && end > file.size()) {
    return fail(ErrorCode::kTruncated,
                "section {}: expected its bytes inside the file of {:#x}, found {:#x} to {:#x}",
                index, file.size(), section->sh_offset, end);
  }
  return *section;
}

// The first SHT_SYMTAB with its names; empty for a stripped file.
Result<SymbolTable> find_symbol_table(std::span<const uint8_t> file, const Elf32_Ehdr& header) {
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    const auto section = read_section(file, header, i);
    if (!section) return tl::unexpected(section.error());
    if (section->sh_type != SHT_SYMTAB) continue;
    const auto names = read_section(file, header, section->sh_link);
    if (!names) return tl::unexpected(names.error());
    if (section->sh_entsize != sizeof(Elf32_Sym) || names->sh_type != SHT_STRTAB) {
      return fail(ErrorCode::kBadSymbols,
                  "symbol table in section {}: expected entries of {} bytes and a string table in "
                  "section {}, found {} bytes and type {}",
                  i, sizeof(Elf32_Sym), section->sh_link, section->sh_entsize, names->sh_type);
    }
    return SymbolTable{file.subspan(section->sh_offset, section->sh_size),
                       file.subspan(names->sh_offset, names->sh_size)};
  }
  return SymbolTable{};
}

// Functions, objects and global assembler labels; not sections, files, "$x" marks or local labels.
bool is_wanted(const Elf32_Sym& symbol, std::string_view name) {
  const auto type = ELF32_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE) &&
         symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS && !name.empty() &&
         name.front() != '$' && !name.starts_with(".L");
}

Result<std::vector<Symbol>> read_symbols(std::span<const uint8_t> file, const Elf32_Ehdr& header,
                                         const LoadLimits& limits) {
  const auto table = find_symbol_table(file, header);
  if (!table) return tl::unexpected(table.error());
  const std::string_view names(reinterpret_cast<const char*>(table->names.data()),
                               table->names.size());
  std::vector<Symbol> symbols;
  size_t name_bytes = 0;
  for (uint64_t i = 0; i < table->entries.size() / sizeof(Elf32_Sym); ++i) {
    const auto symbol = *read_at<Elf32_Sym>(table->entries, i * sizeof(Elf32_Sym));
    const size_t end = names.find('\0', symbol.st_name);
    if (symbol.st_name >= names.size() || end == std::string_view::npos) {
      return fail(ErrorCode::kBadSymbols,
                  "symbol {}: expected a terminated name inside {:#x} bytes, found offset {:#x}", i,
                  names.size(), symbol.st_name);
    }
    const std::string_view name = names.substr(symbol.st_name, end - symbol.st_name);
    // Counted for every symbol, kept or not: many symbols may share one long name.
    name_bytes += name.size();
    if (symbols.size() >= limits.symbols || name_bytes > limits.symbol_name_bytes) {
      return fail(ErrorCode::kBadSymbols,
                  "symbol {}: expected at most {} symbols with {} bytes of names, found more", i,
                  limits.symbols, limits.symbol_name_bytes);
    }
    if (!is_wanted(symbol, name)) continue;
    symbols.push_back({symbol.st_value, symbol.st_size, ELF32_ST_TYPE(symbol.st_info) == STT_FUNC,
                       std::string(name)});
  }
  // At one address, labels come before functions, so that the function is the last and wins.
  std::ranges::sort(symbols, [](const Symbol& a, const Symbol& b) {
    return std::tie(a.address, a.function, a.name) < std::tie(b.address, b.function, b.name);
  });
  return symbols;
}

// Whether the section is called so; `names`: the names of sections, each of which ends in a zero.
bool has_name(const Elf32_Shdr& section, std::span<const uint8_t> names, std::string_view name) {
  return section.sh_name < names.size() && names.size() - section.sh_name > name.size() &&
         std::memcmp(names.data() + section.sh_name, name.data(), name.size()) == 0 &&
         names[section.sh_name + name.size()] == 0;
}

// The bytes of the section called so, which is one that is not loaded; nothing if there is none.
Result<std::optional<std::span<const uint8_t>>> find_section(std::span<const uint8_t> file,
                                                             const Elf32_Ehdr& header,
                                                             std::string_view name,
                                                             ErrorCode error) {
  if (header.e_shnum == 0 || header.e_shstrndx == SHN_UNDEF) return std::nullopt;
  const auto strings = read_section(file, header, header.e_shstrndx);
  if (!strings) return tl::unexpected(strings.error());
  if (strings->sh_type != SHT_STRTAB) {
    return fail(ErrorCode::kBadHeader, "names of sections: expected type {}, found {}", SHT_STRTAB,
                strings->sh_type);
  }
  const auto names = file.subspan(strings->sh_offset, strings->sh_size);
  std::optional<std::span<const uint8_t>> found;
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    const auto section = read_section(file, header, i);
    if (!section) return tl::unexpected(section.error());
    if (!has_name(*section, names, name)) continue;
    if (section->sh_type != SHT_PROGBITS || (section->sh_flags & SHF_ALLOC) != 0 || found) {
      return fail(error,
                  "section {}: expected one {} of type {} that is not loaded, found {} type {} and "
                  "flags {:#x}",
                  i, name, SHT_PROGBITS, found ? "another of" : "", section->sh_type,
                  section->sh_flags);
    }
    found = file.subspan(section->sh_offset, section->sh_size);
  }
  return found;
}

Result<std::vector<Layer>> find_layers(std::span<const uint8_t> file, const Elf32_Ehdr& header) {
  const auto section = find_section(file, header, kLayerSection, ErrorCode::kBadLayers);
  if (!section) return tl::unexpected(section.error());
  if (!*section) return {};
  return read_layers(**section);
}

Result<std::vector<uint8_t>> find_model(std::span<const uint8_t> file, const Elf32_Ehdr& header) {
  const auto section = find_section(file, header, kModelSection, ErrorCode::kBadModel);
  if (!section) return tl::unexpected(section.error());
  if (!*section) return {};
  if ((*section)->empty() || (*section)->size() > kMaxModelBytes) {
    return fail(ErrorCode::kBadModel, "section {}: expected 1 to {} bytes, found {}", kModelSection,
                kMaxModelBytes, (*section)->size());
  }
  return std::vector<uint8_t>((*section)->begin(), (*section)->end());
}

}  // namespace

Result<Program> load_elf(std::span<const uint8_t> file, const LoadLimits& limits) {
  const auto header = read_header(file);
  if (!header) return tl::unexpected(header.error());
  const auto segments = read_segments(file, *header);
  if (!segments) return tl::unexpected(segments.error());
  auto regions = read_regions(file, *segments, limits);
  if (!regions) return tl::unexpected(std::move(regions.error()));
  if (auto ok = check_text(*regions, header->e_entry); !ok) {
    return tl::unexpected(std::move(ok.error()));
  }
  auto symbols = read_symbols(file, *header, limits);
  if (!symbols) return tl::unexpected(std::move(symbols.error()));
  auto layers = find_layers(file, *header);
  if (!layers) return tl::unexpected(std::move(layers.error()));
  auto model = find_model(file, *header);
  if (!model) return tl::unexpected(std::move(model.error()));
  return Program{header->e_entry, std::move(*regions), std::move(*symbols), std::move(*layers),
                 std::move(*model)};
}

Result<std::vector<uint8_t>> load_model(std::span<const uint8_t> file) {
  const auto header = read_header(file);
  if (!header) return tl::unexpected(header.error());
  return find_model(file, *header);
}

const Region& Program::text() const {
  const auto text = std::ranges::find_if(regions, &Region::execute);
  ZK_CHECK(text != regions.end());
  return *text;
}

const Region* Program::region_at(uint32_t address) const {
  for (const Region& region : regions) {
    if (region.contains(address)) return &region;
  }
  return nullptr;
}

const Symbol* Program::symbol_at(uint32_t address) const {
  const auto after = std::ranges::upper_bound(symbols, address, {}, &Symbol::address);
  if (after == symbols.begin()) return nullptr;
  const Symbol& symbol = *std::prev(after);
  if (symbol.size != 0) return address - symbol.address < symbol.size ? &symbol : nullptr;
  const Region* region = region_at(address);
  return region != nullptr && region->contains(symbol.address) ? &symbol : nullptr;
}

const Layer* Program::layer(uint32_t id) const {
  const auto found = std::ranges::lower_bound(layers, id, {}, &Layer::id);
  return found != layers.end() && found->id == id ? &*found : nullptr;
}

uint64_t Program::memory_bytes() const {
  uint64_t total = 0;
  for (const Region& region : regions) total += region.size;
  return total;
}

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTruncated:
      return "Truncated";
    case ErrorCode::kNotElf:
      return "NotElf";
    case ErrorCode::kWrongMachine:
      return "WrongMachine";
    case ErrorCode::kBadHeader:
      return "BadHeader";
    case ErrorCode::kUnsupportedSegment:
      return "UnsupportedSegment";
    case ErrorCode::kBadPermissions:
      return "BadPermissions";
    case ErrorCode::kBadAddress:
      return "BadAddress";
    case ErrorCode::kOverlap:
      return "Overlap";
    case ErrorCode::kMemoryLimit:
      return "MemoryLimit";
    case ErrorCode::kBadExecutableSegments:
      return "BadExecutableSegments";
    case ErrorCode::kBadEntry:
      return "BadEntry";
    case ErrorCode::kBadSymbols:
      return "BadSymbols";
    case ErrorCode::kBadLayers:
      return "BadLayers";
    case ErrorCode::kBadModel:
      return "BadModel";
    case ErrorCode::kCancelled:
      return "Cancelled";
    case ErrorCode::kEndedEarly:
      return "EndedEarly";
    case ErrorCode::kOutOfMemory:
      return "OutOfMemory";
  }
  return "?";
}

}  // namespace zkvm::vm
