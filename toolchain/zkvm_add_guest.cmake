# zkvm_add_guest(NAME mnist SOURCES guest.cc ...
#                [COMPILER gcc|clang] [HEAP size] [STACK size] [EMBED symbol file ...]
#                [TENSOR on|off] [LAYERS symbol file ...] [MODEL file.json]
#                [INCLUDES folder ...] [OPTIONS compiler-option ...] [EXCEPTIONS])
#
# Builds ${ZKVM_GUEST_DIR}/NAME.elf (default <build folder>/guests), a static RV32IM program, by the target
# NAME_guest, which is part of `all`; target property ZKVM_GUEST_ELF holds the path.
#
#   SOURCES   .cc .cpp .cxx (C++20), .c (C17), .S; relative to the current source folder
#   COMPILER  gcc (default) or clang
#   HEAP      bytes for malloc and new, e.g. 65536, 512K, 4M (default 512K); STACK likewise (default 64K). They
#             are part of the program's identity, and the proof's cost grows with the memory that is touched.
#   EMBED     the bytes of `file` as read-only data; in the source ZK_EMBED(type, symbol), see <zk/embed.h>.
#             Public, as all of the program is, to whoever has enough receipts: not for private weights. Its path
#             may hold every character but ; and \, which CMake does not allow in paths
#   TENSOR    on: a model's layers are calls of the tensor unit (ZK_TENSOR is 1 in the sources); off, the default: they
#             are instructions, which take HEAP of twice the bytes of a layer's input, and the program runs under qemu, too
#   LAYERS    layers of a model, under the name zk_layers_SYMBOL: part of the program's identity, and as public as it is.
#             With TENSOR on `file`, which is not part of the program's memory; off FILE.plain, which is
#             (host/layers/plain.h): whoever writes the one writes both
#   MODEL     what the program says of its model, as host/model_info.h has it: names, shapes, scales, labels of inputs
#             and outputs. Part of the program's identity, but not of its memory; `zkvm verify` shows outputs by it
#   OPTIONS   further compiler options, after ours
#   EXCEPTIONS  throw and catch work, and the program is some 50 KB larger; without it `throw` does not compile,
#             and what the library would throw ends the run with a message
#
# A program that calls zk::ed25519_verify (<zk/ed25519.h>) is linked with it; no argument asks for it.
#
# zkvm_host_layers(target symbol file): the same model's layers in a program of the host, which computes them by
# instructions: FILE.plain as zk_layers_SYMBOL.
#
# Works in this tree and, after `cmake --install`, through find_package(zkvm), which brings the runtime's objects, for
# every guest the same: where another compiler or libstdc++ made them, or by -DZKVM_GUEST_RUNTIME=off, a project
# compiles its own.
include_guard(GLOBAL)

get_filename_component(_zkvm_sdk "${CMAKE_CURRENT_LIST_DIR}/../guest" ABSOLUTE)
set(ZKVM_GUEST_SDK "${_zkvm_sdk}" CACHE INTERNAL "Folder of the guest SDK")
set(ZKVM_TOOLCHAIN "${CMAKE_CURRENT_LIST_DIR}" CACHE INTERNAL "Folder of this file")
if(NOT ZKVM_GUEST_DIR)
  set(ZKVM_GUEST_DIR "${CMAKE_BINARY_DIR}/guests" CACHE PATH "Where guest ELF files are put")
endif()

# Sets ZKVM_RISCV_* (tools, libraries), once; explains what to do where something is missing.
function(_zkvm_find_toolchain)
  get_property(found GLOBAL PROPERTY ZKVM_TOOLCHAIN_FOUND)
  if(found)
    return()
  endif()
  set_property(GLOBAL PROPERTY ZKVM_TOOLCHAIN_FOUND ON)
  set(hint "run `bash ${ZKVM_TOOLCHAIN}/setup.sh`, which installs it")
  find_program(ZKVM_RISCV_GCC riscv64-unknown-elf-gcc)
  find_program(ZKVM_RISCV_LD riscv64-unknown-elf-ld)
  find_program(ZKVM_RISCV_AR riscv64-unknown-elf-ar)
  if(NOT ZKVM_RISCV_GCC OR NOT ZKVM_RISCV_LD OR NOT ZKVM_RISCV_AR)
    message(FATAL_ERROR "zkvm: riscv64-unknown-elf-gcc not found: ${hint}")
  endif()
  execute_process(COMMAND bash ${ZKVM_TOOLCHAIN}/libstdcxx.sh --path
                  OUTPUT_VARIABLE libstdcxx OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT EXISTS "${libstdcxx}/complete")
    message(FATAL_ERROR "zkvm: the guests' libstdc++ is not built (${libstdcxx}): ${hint}")
  endif()
  execute_process(COMMAND bash ${ZKVM_TOOLCHAIN}/libsodium.sh --path
                  OUTPUT_VARIABLE libsodium OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT EXISTS "${libsodium}/complete")
    message(FATAL_ERROR "zkvm: the sources of libsodium are not there (${libsodium}): ${hint}")
  endif()
  set(ZKVM_LIBSODIUM ${libsodium} CACHE INTERNAL "")
  set(picolibc /usr/lib/picolibc/riscv64-unknown-elf)
  if(NOT EXISTS ${picolibc}/lib/release/rv32im/ilp32/libc.a)
    message(FATAL_ERROR "zkvm: picolibc for rv32im/ilp32 not found: ${hint}")
  endif()
  execute_process(COMMAND ${ZKVM_RISCV_GCC} -march=rv32im -mabi=ilp32 -print-libgcc-file-name
                  OUTPUT_VARIABLE libgcc OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(ZKVM_RISCV_CXX_HEADERS
      -nostdinc++ -isystem ${ZKVM_GUEST_SDK}/unavailable -isystem ${libstdcxx}/include
      -isystem ${libstdcxx}/include/riscv64-unknown-elf
      CACHE INTERNAL "")
  set(ZKVM_RISCV_C_HEADERS -idirafter ${picolibc}/include CACHE INTERNAL "")
  set(ZKVM_RISCV_LIBRARIES
      ${libstdcxx}/lib/libstdc++.a
      ${picolibc}/lib/release/rv32im/ilp32/libc.a ${libgcc}
      CACHE INTERNAL "")
endfunction()

# A compile command of the current folder: source -> object, rebuilt when a header changes.
function(_zkvm_compile source object compiler)
  cmake_parse_arguments(C "EXCEPTIONS" "" "OPTIONS;DEPENDS" ${ARGN})
  set(flags
      -march=rv32im -mabi=ilp32 -mstrict-align -O2 -g -ffunction-sections -fdata-sections
      -ftls-model=local-exec
      # __FILE__ is part of the program and so of its identity: it must not tell where the tree stands.
      -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/= -fmacro-prefix-map=${CMAKE_BINARY_DIR}/=
      -fmacro-prefix-map=${ZKVM_GUEST_SDK}/=guest/)
  if(source MATCHES "\\.(c|S)$")
    set(language c)
    if(source MATCHES "\\.c$")
      list(APPEND flags -std=c17)
    endif()
  elseif(source MATCHES "\\.(cc|cpp|cxx)$")
    set(language cxx)
    list(APPEND flags -std=c++20 -fno-threadsafe-statics ${ZKVM_RISCV_CXX_HEADERS})
  else()
    message(FATAL_ERROR "zkvm_add_guest: ${source}: expected .cc, .cpp, .cxx, .c or .S")
  endif()
  if(C_EXCEPTIONS)
    list(APPEND flags -fexceptions)
  else()
    list(APPEND flags -fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables)
  endif()
  if(compiler STREQUAL gcc)
    set(tool ${ZKVM_RISCV_GCC})
    # Every instruction takes one cycle: nothing to schedule for, and hoisted loads only cost spills. For `size`, too, a
    # multiplication is an instruction like others; for other processors it is several shifts and additions.
    list(APPEND flags -fno-schedule-insns -fno-schedule-insns2 -mtune=size)
    set(constexpr_limit -fconstexpr-ops-limit=1000000000)
  else()
    set(tool ${ZKVM_RISCV_CLANG} --target=riscv32-unknown-elf)
    set(constexpr_limit -fconstexpr-steps=1000000000)
    list(APPEND flags -Wno-atomic-alignment)  # atomic operations are calls here, and cheap ones
  endif()
  if(language STREQUAL cxx)
    list(APPEND flags ${constexpr_limit})  # zk::nn lays out a model's weights at compile time
  endif()
  file(RELATIVE_PATH shown ${CMAKE_BINARY_DIR} ${object})
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${tool} ${flags} -Wall -Wextra -I${ZKVM_GUEST_SDK}/include ${C_OPTIONS} ${ZKVM_RISCV_C_HEADERS}
            -MD -MF ${object}.d -MQ ${object} -c ${source} -o ${object}
    DEPENDS ${source} ${C_DEPENDS}
    DEPFILE ${object}.d
    COMMENT "Guest object ${shown} (${compiler})"
    VERBATIM COMMAND_EXPAND_LISTS)
endfunction()

# What the runtime's objects depend on but their sources: one line.
function(_zkvm_runtime_made_by result)
  execute_process(COMMAND ${ZKVM_RISCV_GCC} --version OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "\n.*" "" version "${version}")
  list(GET ZKVM_RISCV_LIBRARIES 0 libstdcxx)
  cmake_path(GET libstdcxx PARENT_PATH libstdcxx)
  cmake_path(GET libstdcxx PARENT_PATH libstdcxx)
  cmake_path(GET libstdcxx FILENAME libstdcxx)
  cmake_path(GET ZKVM_LIBSODIUM FILENAME libsodium)
  set(${result} "${version}, ${libstdcxx}, ${libsodium}\n" PARENT_SCOPE)
endfunction()

function(_zkvm_archive archive)
  file(RELATIVE_PATH shown ${CMAKE_BINARY_DIR} ${archive})
  add_custom_command(
    OUTPUT ${archive}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
    COMMAND ${ZKVM_RISCV_AR} rcsD ${archive} ${ARGN}
    DEPENDS ${ARGN}
    COMMENT "Guest archive ${shown}"
    VERBATIM)
endfunction()

# The objects of zk::ed25519_verify in `folder`: ours, and those of libsodium that it takes (runtime/ed25519.cc).
function(_zkvm_ed25519 folder result)
  set(sodium ${ZKVM_LIBSODIUM}/src/libsodium)
  set(objects)
  foreach(source crypto_core/ed25519/ref10/ed25519_ref10.c crypto_hash/sha512/cp/hash_sha512_cp.c
                 crypto_sign/ed25519/ref10/open.c crypto_verify/verify.c)
    cmake_path(GET source FILENAME name)
    _zkvm_compile(${sodium}/${source} ${folder}/${name}.o gcc
                  OPTIONS -w -DCONFIGURED=1 -ffile-prefix-map=${ZKVM_LIBSODIUM}/=libsodium/
                          -I${sodium}/include/sodium -I${sodium}/include
                  DEPENDS ${folder}/made_by.txt)
    list(APPEND objects ${folder}/${name}.o)
  endforeach()
  _zkvm_compile(${ZKVM_GUEST_SDK}/runtime/ed25519.cc ${folder}/ed25519.cc.o gcc
                OPTIONS -I${sodium}/include DEPENDS ${folder}/made_by.txt)
  set(${result} ${objects} ${folder}/ed25519.cc.o PARENT_SCOPE)
endfunction()

# The runtime's objects, by GCC for guests of either compiler: the package's, else compiled once in a build tree.
function(_zkvm_runtime)
  if(TARGET zkvm_guest_runtime)
    return()
  endif()
  set(sources crt0.S start.cc console.cc io.cc heap.cc copy.cc atomics.cc blake3.cc blake3_run.cc sha256.cc
              sha256_run.cc commitment.cc read_committed.cc exceptions.cc unwinder.cc no_exceptions.cc)
  _zkvm_runtime_made_by(made_by)
  set(folder)
  if(ZKVM_GUEST_RUNTIME)
    set(theirs "none\n")
    list(TRANSFORM sources REPLACE "(.+)" "${ZKVM_GUEST_RUNTIME}/\\1.o" OUTPUT_VARIABLE files)
    list(APPEND files ${ZKVM_GUEST_RUNTIME}/libunavailable.a ${ZKVM_GUEST_RUNTIME}/libed25519.a ${ZKVM_GUEST_RUNTIME}/made_by.txt)
    foreach(file ${files})
      if(NOT EXISTS "${file}")
        set(files)
      endif()
    endforeach()
    if(files)
      file(READ "${ZKVM_GUEST_RUNTIME}/made_by.txt" theirs)
    endif()
    if(theirs STREQUAL made_by)
      set(folder ${ZKVM_GUEST_RUNTIME})
    else()
      string(STRIP "${theirs}" theirs)
      string(STRIP "${made_by}" ours)
      message(STATUS "zkvm: the guests' runtime is compiled here, by ${ours}; the package's is by ${theirs}")
    endif()
  endif()
  set(made)
  if(NOT folder)
    set(folder ${ZKVM_GUEST_DIR}/runtime)
    file(MAKE_DIRECTORY ${folder})
    file(CONFIGURE OUTPUT ${folder}/made_by.txt CONTENT "${made_by}" @ONLY)
    foreach(source ${sources} unavailable.S)
      set(exceptions)
      if(source MATCHES "^(exceptions|unwinder).cc$")
        set(exceptions EXCEPTIONS)
      endif()
      set(loops)
      if(source STREQUAL copy.cc)
        set(loops -fno-tree-loop-distribute-patterns)  # its loops stay loops: they are memcpy
      endif()
      _zkvm_compile(${ZKVM_GUEST_SDK}/runtime/${source} ${folder}/${source}.o gcc ${exceptions}
                    OPTIONS -D_GNU_SOURCE ${loops} DEPENDS ${folder}/made_by.txt)
      list(APPEND made ${folder}/${source}.o)
    endforeach()
    # Archives: their symbols count only where the C library would be asked for them, or a guest verifies signatures.
    _zkvm_archive(${folder}/libunavailable.a ${folder}/unavailable.S.o)
    _zkvm_ed25519(${folder} ed25519)
    _zkvm_archive(${folder}/libed25519.a ${ed25519})
    list(APPEND made ${folder}/libunavailable.a ${folder}/libed25519.a)
  endif()
  list(TRANSFORM sources REPLACE "(.+)" "${folder}/\\1.o" OUTPUT_VARIABLE objects)
  list(POP_BACK objects no_exceptions unwinder exceptions)
  list(APPEND exceptions ${unwinder})
  add_custom_target(zkvm_guest_runtime ALL DEPENDS ${made})
  set_target_properties(zkvm_guest_runtime PROPERTIES
    ZKVM_OBJECTS "${objects}" ZKVM_ARCHIVES "${folder}/libed25519.a;${folder}/libunavailable.a"
    ZKVM_WITH_EXCEPTIONS "${exceptions}" ZKVM_WITHOUT_EXCEPTIONS ${no_exceptions})
endfunction()

# "512K" -> bytes.
function(_zkvm_size text what result)
  if(NOT text MATCHES "^([0-9]+)([KMkm]?)$")
    message(FATAL_ERROR "zkvm_add_guest: ${what} ${text}: expected a size such as 65536, 512K or 4M")
  endif()
  set(bytes ${CMAKE_MATCH_1})
  set(unit "${CMAKE_MATCH_2}")  # each if(MATCHES) forgets the last one's matches
  if(unit MATCHES "[Kk]")
    math(EXPR bytes "${bytes} * 1024")
  elseif(unit MATCHES "[Mm]")
    math(EXPR bytes "${bytes} * 1048576")
  endif()
  if(bytes GREATER 1073741824)
    message(FATAL_ERROR "zkvm_add_guest: ${what} ${text}: at most 1024M")
  endif()
  set(${result} ${bytes} PARENT_SCOPE)
endfunction()

# An object in `folder` that holds the bytes of `file` as symbol `name`, and their number as name_size.
function(_zkvm_incbin folder name file section alignment result)
  get_filename_component(file "${file}" ABSOLUTE)
  set(source ${folder}/${name}.S)
  string(REGEX REPLACE "([\\\"])" "\\\\\\1" quoted "${file}")
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
  .section @section@, %progbits
  .balign @alignment@
  .globl @name@, @name@_size
  .type @name@, %object
@name@:
  .incbin "@quoted@"
.Lend:
  .size @name@, .Lend - @name@
  .set @name@_size, .Lend - @name@
]])
  _zkvm_compile(${source} ${source}.o gcc DEPENDS "${file}")
  set(${result} ${source}.o PARENT_SCOPE)
endfunction()

function(zkvm_add_guest)
  cmake_parse_arguments(G "EXCEPTIONS" "NAME;COMPILER;HEAP;STACK;TENSOR;MODEL" "SOURCES;EMBED;LAYERS;INCLUDES;OPTIONS" ${ARGN})
  if(NOT G_NAME OR NOT G_SOURCES)
    message(FATAL_ERROR "zkvm_add_guest: NAME and SOURCES are required")
  endif()
  if(G_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "zkvm_add_guest(NAME ${G_NAME}): unknown argument ${G_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT G_COMPILER)
    set(G_COMPILER gcc)
  elseif(NOT G_COMPILER MATCHES "^(gcc|clang)$")
    message(FATAL_ERROR "zkvm_add_guest(NAME ${G_NAME}): COMPILER ${G_COMPILER}: expected gcc or clang")
  endif()
  if(NOT DEFINED G_TENSOR)
    set(G_TENSOR off)
  elseif(NOT G_TENSOR MATCHES "^(on|off)$")
    message(FATAL_ERROR "zkvm_add_guest(NAME ${G_NAME}): TENSOR ${G_TENSOR}: expected on or off")
  endif()
  if(NOT DEFINED G_HEAP)
    set(G_HEAP 512K)
  endif()
  if(NOT DEFINED G_STACK)
    set(G_STACK 64K)
  endif()
  if("${ZKVM_GUEST_DIR}" MATCHES "([#<>])")
    message(FATAL_ERROR "zkvm_add_guest: ${ZKVM_GUEST_DIR}: CMake cannot build in a folder with "
      "'${CMAKE_MATCH_1}' in its path; rename it, or choose another build folder")
  endif()
  _zkvm_size("${G_HEAP}" HEAP heap)
  _zkvm_size("${G_STACK}" STACK stack)
  _zkvm_find_toolchain()
  set(linker ${ZKVM_RISCV_LD})
  if(G_COMPILER STREQUAL clang OR G_EXCEPTIONS)  # GNU ld makes no .eh_frame_hdr for bare RISC-V
    find_program(ZKVM_RISCV_CLANG clang-19)
    find_program(ZKVM_RISCV_LLD ld.lld-19)
    if(NOT ZKVM_RISCV_CLANG OR NOT ZKVM_RISCV_LLD)
      message(FATAL_ERROR "zkvm: clang-19 or ld.lld-19 not found: run `bash ${ZKVM_TOOLCHAIN}/setup.sh`")
    endif()
    set(linker ${ZKVM_RISCV_LLD})
  endif()
  _zkvm_runtime()

  set(exceptions)
  set(variant without_exceptions)
  set(variant_options)
  if(G_EXCEPTIONS)
    set(exceptions EXCEPTIONS)
    set(variant with_exceptions)
    set(variant_options --eh-frame-hdr --wrap=_ZSt24__throw_out_of_range_fmtPKcz)  # runtime/exceptions.cc
  endif()

  set(folder ${ZKVM_GUEST_DIR}/${G_NAME}.dir)
  file(MAKE_DIRECTORY ${folder})
  set(includes)
  foreach(include ${G_INCLUDES})
    get_filename_component(include ${include} ABSOLUTE)
    list(APPEND includes -I${include})
  endforeach()
  set(tensor)
  if(G_TENSOR)
    set(tensor -DZK_TENSOR=1)
  endif()
  set(objects)
  foreach(source ${G_SOURCES})
    get_filename_component(path ${source} ABSOLUTE)
    string(MAKE_C_IDENTIFIER "${source}" object)
    set(object ${folder}/${object}.o)
    _zkvm_compile(${path} ${object} ${G_COMPILER} ${exceptions} OPTIONS ${includes} ${tensor} ${G_OPTIONS})
    list(APPEND objects ${object})
  endforeach()
  foreach(argument EMBED LAYERS)
    while(G_${argument})
      list(POP_FRONT G_${argument} symbol file)
      if(NOT file OR NOT symbol MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
        message(FATAL_ERROR
          "zkvm_add_guest(NAME ${G_NAME}): ${argument} takes pairs `symbol file`, found `${symbol} ${file}`")
      endif()
      if(argument STREQUAL EMBED)
        _zkvm_incbin(${folder} zk_embed_${symbol} "${file}" ".rodata.zk_embed_${symbol}, \"a\"" 16 object)
        list(APPEND objects ${object})
      elseif(G_TENSOR)
        # Not allocated: the VM reads it, the program cannot. Its address is its place among all layers.
        _zkvm_incbin(${folder} zk_layers_${symbol} "${file}" ".zkvm.layers, \"\"" 4 object)
        list(APPEND objects ${object})
      else()
        _zkvm_incbin(${folder} zk_layers_${symbol} "${file}.plain" ".rodata.zk_layers_${symbol}, \"a\"" 16 object)
        list(APPEND objects ${object})
      endif()
    endwhile()
  endforeach()
  if(G_MODEL)
    _zkvm_incbin(${folder} zk_model "${G_MODEL}" ".zkvm.model, \"\"" 4 object)
    list(APPEND objects ${object})
  endif()

  set(elf ${ZKVM_GUEST_DIR}/${G_NAME}.elf)
  get_target_property(runtime zkvm_guest_runtime ZKVM_OBJECTS)
  string(TOUPPER ZKVM_${variant} variant_object)
  get_target_property(variant_object zkvm_guest_runtime ${variant_object})
  list(APPEND runtime ${variant_object})
  get_target_property(archives zkvm_guest_runtime ZKVM_ARCHIVES)
  set(scripts ${ZKVM_GUEST_SDK}/runtime)
  list(POP_FRONT ZKVM_RISCV_LIBRARIES libstdcxx)
  add_custom_command(
    OUTPUT ${elf}
    COMMAND ${linker} -m elf32lriscv -static --gc-sections -z max-page-size=4096 --build-id=none
            --fatal-warnings -L ${scripts}/${variant} -T ${scripts}/guest.ld
            --defsym=__zk_heap_size=${heap} --defsym=__zk_stack_size=${stack} ${variant_options}
            ${runtime} ${objects} --start-group ${libstdcxx} ${archives} ${ZKVM_RISCV_LIBRARIES} --end-group
            -o ${elf}
    DEPENDS ${objects} ${runtime} ${archives} zkvm_guest_runtime ${scripts}/guest.ld
            ${scripts}/${variant}/unwind.ld
    COMMENT "Guest ${G_NAME}.elf (${G_COMPILER})"
    VERBATIM)
  add_custom_target(${G_NAME}_guest ALL DEPENDS ${elf})
  set_target_properties(${G_NAME}_guest PROPERTIES ZKVM_GUEST_ELF ${elf})
endfunction()

function(zkvm_host_layers target symbol file)
  get_filename_component(file "${file}.plain" ABSOLUTE)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}.zk_layers_${symbol}.cc)
  string(REGEX REPLACE "([\\\"])" "\\\\\\1" quoted "${file}")
  string(REGEX REPLACE "([\\\"])" "\\\\\\1" quoted "${quoted}")
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
asm(".pushsection .rodata.zk_layers_@symbol@, \"a\", %progbits\n"
    ".balign 16\n"
    ".globl zk_layers_@symbol@\n"
    ".type zk_layers_@symbol@, %object\n"
    "zk_layers_@symbol@:\n"
    ".incbin \"@quoted@\"\n"
    ".size zk_layers_@symbol@, . - zk_layers_@symbol@\n"
    ".popsection\n");
]])
  set_property(SOURCE ${source} PROPERTY OBJECT_DEPENDS "${file}")
  target_sources(${target} PRIVATE ${source})
endfunction()
