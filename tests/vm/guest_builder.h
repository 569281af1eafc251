// Small programs made by the tests themselves, without a compiler: an encoder with its own tables,
// so that it checks the VM's, and a writer of ELF files whose every field a test can spoil.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace zkvm::vm::test {

enum Reg : uint32_t {
  zero,
  ra,
  sp,
  gp,
  tp,
  t0,
  t1,
  t2,
  s0,
  s1,
  a0,
  a1,
  a2,
  a3,
  a4,
  a5,
  a6,
  a7,
  s2,
  s3,
  s4,
  s5,
  s6,
  s7,
  s8,
  s9,
  s10,
  s11,
  t3,
  t4,
  t5,
  t6
};

// Encodings by the manual's formats.
constexpr uint32_t r_type(uint32_t funct7, uint32_t funct3, uint32_t rd, uint32_t rs1,
                          uint32_t rs2) {
  return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33;
}
constexpr uint32_t i_type(uint32_t opcode, uint32_t funct3, uint32_t rd, uint32_t rs1,
                          int32_t imm) {
  return static_cast<uint32_t>(imm) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
constexpr uint32_t s_type(uint32_t funct3, uint32_t rs2, uint32_t rs1, int32_t imm) {
  const auto u = static_cast<uint32_t>(imm);
  return (u >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (u & 31) << 7 | 0x23;
}
constexpr uint32_t b_type(uint32_t funct3, uint32_t rs1, uint32_t rs2, int32_t offset) {
  const auto u = static_cast<uint32_t>(offset);
  return (u >> 12 & 1) << 31 | (u >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
         (u >> 1 & 15) << 8 | (u >> 11 & 1) << 7 | 0x63;
}
constexpr uint32_t jal(uint32_t rd, int32_t offset) {
  const auto u = static_cast<uint32_t>(offset);
  return (u >> 20 & 1) << 31 | (u >> 1 & 0x3ff) << 21 | (u >> 11 & 1) << 20 |
         (u >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}
constexpr uint32_t lui(uint32_t rd, uint32_t upper) { return upper << 12 | rd << 7 | 0x37; }
constexpr uint32_t auipc(uint32_t rd, uint32_t upper) { return upper << 12 | rd << 7 | 0x17; }
constexpr uint32_t addi(uint32_t rd, uint32_t rs1, int32_t imm) {
  return i_type(0x13, 0, rd, rs1, imm);
}
constexpr uint32_t add(uint32_t rd, uint32_t rs1, uint32_t rs2) {
  return r_type(0, 0, rd, rs1, rs2);
}
constexpr uint32_t lw(uint32_t rd, int32_t imm, uint32_t rs1) {
  return i_type(0x03, 2, rd, rs1, imm);
}
constexpr uint32_t sw(uint32_t rs2, int32_t imm, uint32_t rs1) { return s_type(2, rs2, rs1, imm); }
constexpr uint32_t jalr(uint32_t rd, int32_t imm, uint32_t rs1) {
  return i_type(0x67, 0, rd, rs1, imm);
}
inline constexpr uint32_t kEcall = 0x73, kEbreak = 0x100073, kNop = 0x13;

// Instructions one after the other.
class Assembler {
 public:
  Assembler& operator()(uint32_t word) {
    words_.push_back(word);
    return *this;
  }
  Assembler& li(uint32_t rd, uint32_t value) {  // always two words
    (*this)(lui(rd, (value + 0x800) >> 12));
    return (*this)(addi(rd, rd, static_cast<int32_t>(value << 20) >> 20));
  }
  Assembler& call(uint32_t number, uint32_t x, uint32_t y, uint32_t z) {
    return li(a7, number).li(a0, x).li(a1, y).li(a2, z)(kEcall);
  }
  Assembler& call(uint32_t number, uint32_t x, uint32_t y, uint32_t z, uint32_t w) {
    return li(a3, w).call(number, x, y, z);
  }
  Assembler& exit(uint32_t code) { return li(a7, 93).li(a0, code)(kEcall); }
  size_t size() const { return words_.size(); }
  const std::vector<uint32_t>& words() const { return words_; }

 private:
  std::vector<uint32_t> words_;
};

struct ElfSegment {
  uint32_t address;
  uint32_t flags;
  std::vector<uint8_t> bytes;
  uint32_t memory_size;  // at least bytes.size()
  uint32_t type = PT_LOAD;
  uint32_t align = 4;
};

struct ElfSymbol {
  std::string name;
  uint32_t address;
  uint32_t size;
  uint8_t type = STT_FUNC;
  uint16_t section = 1;
};

struct ElfSection {  // beside the table of symbols and its names
  std::string name;
  std::vector<uint8_t> bytes;
  uint32_t type = SHT_PROGBITS;
  uint32_t flags = 0;
};

inline constexpr uint32_t kTextBase = 0x10000;
inline constexpr uint32_t kDataBase = 0x20000;   // 4 KiB, read and write
inline constexpr uint32_t kConstBase = 0x30000;  // 256 bytes, read only
inline constexpr uint32_t kDataSize = 0x1000;
inline constexpr uint32_t kConstSize = 0x100;

// An ELF file: header, program headers, segments' bytes at page offsets congruent to their
// addresses (so that Linux and qemu map it too), then symbols and sections if there are any.
struct ElfFile {
  Elf32_Ehdr header{};
  std::vector<ElfSegment> segments;
  std::vector<ElfSymbol> symbols;
  std::vector<ElfSection> sections;

  ElfFile() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_RISCV;
    header.e_version = EV_CURRENT;
    header.e_entry = kTextBase;
    header.e_phoff = sizeof(Elf32_Ehdr);
    header.e_ehsize = sizeof(Elf32_Ehdr);
    header.e_phentsize = sizeof(Elf32_Phdr);
    header.e_shentsize = sizeof(Elf32_Shdr);
  }

  // Text, data and constants at the usual places.
  static ElfFile of(const std::vector<uint32_t>& text, std::vector<uint8_t> data = {}) {
    ElfFile file;
    std::vector<uint8_t> bytes(text.size() * 4);
    std::memcpy(bytes.data(), text.data(), bytes.size());
    const auto size = static_cast<uint32_t>(bytes.size());
    file.segments.push_back({kTextBase, PF_R | PF_X, std::move(bytes), size});
    file.segments.push_back({kDataBase, PF_R | PF_W, std::move(data), kDataSize});
    std::vector<uint8_t> constants(kConstSize);
    for (uint32_t i = 0; i < kConstSize; ++i) constants[i] = static_cast<uint8_t>(i ^ 0x80);
    file.segments.push_back({kConstBase, PF_R, std::move(constants), kConstSize});
    return file;
  }

  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> out(sizeof(Elf32_Ehdr) + segments.size() * sizeof(Elf32_Phdr));
    Elf32_Ehdr top = header;
    if (top.e_phnum == 0) top.e_phnum = static_cast<uint16_t>(segments.size());
    for (size_t i = 0; i < segments.size(); ++i) {
      const ElfSegment& s = segments[i];
      out.resize((out.size() + 0xfff) / 0x1000 * 0x1000 + s.address % 0x1000);
      const Elf32_Phdr segment{.p_type = s.type,
                               .p_offset = static_cast<uint32_t>(out.size()),
                               .p_vaddr = s.address,
                               .p_paddr = s.address,
                               .p_filesz = static_cast<uint32_t>(s.bytes.size()),
                               .p_memsz = s.memory_size,
                               .p_flags = s.flags,
                               .p_align = s.align};
      put(out, sizeof(Elf32_Ehdr) + i * sizeof(Elf32_Phdr), segment);
      out.insert(out.end(), s.bytes.begin(), s.bytes.end());
    }
    if (!symbols.empty() || !sections.empty()) append_sections(out, top);
    put(out, 0, top);
    return out;
  }

 private:
  template <class T>
  static void put(std::vector<uint8_t>& out, size_t offset, const T& value) {
    if (out.size() < offset + sizeof(T)) out.resize(offset + sizeof(T));
    std::memcpy(out.data() + offset, &value, sizeof(T));
  }

  // Section 0; with symbols, their table as 1 and its names as 2; `sections`, and their names.
  void append_sections(std::vector<uint8_t>& out, Elf32_Ehdr& top) const {
    std::vector<Elf32_Shdr> headers(1);
    const auto append = [&](std::span<const uint8_t> bytes, uint32_t type, uint32_t flags) {
      Elf32_Shdr section{};
      section.sh_type = type;
      section.sh_flags = flags;
      section.sh_offset = static_cast<uint32_t>(out.size());
      section.sh_size = static_cast<uint32_t>(bytes.size());
      out.insert(out.end(), bytes.begin(), bytes.end());
      headers.push_back(section);
    };
    const auto bytes_of = [](const std::string& text) {
      return std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    };
    if (!symbols.empty()) {
      std::string names(1, '\0');
      std::vector<uint8_t> table(sizeof(Elf32_Sym));
      for (const ElfSymbol& s : symbols) {
        put(table, table.size(),
            Elf32_Sym{static_cast<uint32_t>(names.size()), s.address, s.size,
                      static_cast<unsigned char>(ELF32_ST_INFO(STB_GLOBAL, s.type)), 0, s.section});
        names += s.name + '\0';
      }
      append(table, SHT_SYMTAB, 0);
      headers.back().sh_link = 2;
      headers.back().sh_entsize = sizeof(Elf32_Sym);
      append(bytes_of(names), SHT_STRTAB, 0);
    }
    if (!sections.empty()) {
      std::string names(1, '\0');
      for (const ElfSection& s : sections) {
        append(s.bytes, s.type, s.flags);
        headers.back().sh_name = static_cast<uint32_t>(names.size());
        names += s.name + '\0';
      }
      top.e_shstrndx = static_cast<uint16_t>(headers.size());
      append(bytes_of(names), SHT_STRTAB, 0);
    }
    top.e_shoff = static_cast<uint32_t>(out.size());
    top.e_shnum = static_cast<uint16_t>(headers.size());
    for (const Elf32_Shdr& section : headers) put(out, out.size(), section);
  }
};

}  // namespace zkvm::vm::test
