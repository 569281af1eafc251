# zkvm_simd_sources(target file.simd.cc...): compiles each file once per instruction set, into the namespace
# zkvm::stark::<instruction set> (see simd.h), and adds the objects to the target.
# The objects of <target>_emulated are the AVX-512 text on SIMDe's emulation of its instructions; a test
# that links them (zkvm_add_simd_test) runs that text on any CPU. Where the CPU has AVX-512, the default tests run it
# itself, and those tests wait for tests/run.sh --long.
set(later LATER)
file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags" LIMIT_COUNT 1)
foreach(feature f bw dq vl)
  if(NOT cpu_flags MATCHES " avx512${feature}( |$)")
    set(later)
  endif()
endforeach()
set(ZKVM_EMULATED_LATER "${later}" CACHE INTERNAL "")

function(zkvm_simd_sources target)
  set(isas scalar)
  set(flags_scalar "")
  if(ZKVM_SIMD)
    list(APPEND isas avx2 avx512)
    set(flags_avx2 -mavx2 -mbmi2 -DZKVM_SIMD_IS_AVX2)
    set(flags_avx512 -mavx2 -mbmi2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -DZKVM_SIMD_IS_AVX512)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)  # it makes gathers of 16 loads of set-up: slow ones, and bochs refuses index registers above 15
      list(APPEND flags_avx512 -mno-gather)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)  # false alarm inside GCC 12's own header, its bug 105593
      list(APPEND flags_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
    endif()
    if(ZKVM_TESTS)
      list(APPEND isas emulated)
      set(flags_emulated -mavx2 -mbmi2 -DZKVM_SIMD_IS_AVX512 -DZKVM_SIMD_EMULATED -Wno-psabi)
    endif()
  endif()
  set(checks "")
  if(ZKVM_SANITIZE MATCHES undefined AND NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    # Optimising UBSan's checks of everything inlined here takes clang many minutes a file; preset debug has them.
    set(checks -fno-sanitize=undefined)
  endif()
  foreach(isa ${isas})
    if(NOT TARGET ${target}_${isa})
      set(name ${isa})
      if(isa STREQUAL emulated)
        set(name avx512)
      endif()
      add_library(${target}_${isa} OBJECT EXCLUDE_FROM_ALL)
      target_link_libraries(${target}_${isa} PRIVATE zkvm_stark_field zkvm_options)
      target_compile_options(${target}_${isa} PRIVATE ${flags_${isa}} ${checks} -DZKVM_SIMD_TARGET=${name})
      if(NOT isa STREQUAL emulated)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_${isa}>)
        set_property(GLOBAL APPEND PROPERTY ZKVM_SIMD_OBJECTS $<TARGET_OBJECTS:${target}_${isa}>)
      endif()
    endif()
    target_sources(${target}_${isa} PRIVATE ${ARGN})
  endforeach()
endfunction()

# zkvm_add_simd_test(name SOURCES... [KERNELS ...] [LIBS ...] [OPTIMISED]): a test of code that runs on the SIMD kernels of
# zkvm_stark, the verifier's included (and of other KERNELS libraries made by zkvm_simd_sources); and `name_emulated`, the same test where the
# AVX-512 objects are the emulated ones: they come before the archives, so the linker takes no others.
# Cases loop over available_simd_targets(), see tests/stark/support/simd_target_test.h.
function(zkvm_add_simd_test name)
  cmake_parse_arguments(T "OPTIMISED" "" "SOURCES;KERNELS;LIBS" ${ARGN})
  list(PREPEND T_KERNELS zkvm_stark zkvm_stark_verify)
  set(optimised "")
  if(T_OPTIMISED)
    set(optimised OPTIMISED)
  endif()
  zkvm_add_test(${name} ${optimised} SOURCES ${T_SOURCES} LIBS ${T_KERNELS} ${T_LIBS})
  if(ZKVM_SIMD AND NOT ZKVM_PROVER_FROM)
    set(objects $<TARGET_OBJECTS:zkvm_stark_dispatch_emulated>)
    foreach(kernels ${T_KERNELS})
      if(TARGET ${kernels}_emulated)
        list(APPEND objects $<TARGET_OBJECTS:${kernels}_emulated>)
      endif()
    endforeach()
    zkvm_add_test(${name}_emulated ${ZKVM_EMULATED_LATER}
                  SOURCES $<TARGET_OBJECTS:${name}> ${objects} LIBS ${T_KERNELS} ${T_LIBS})
    set_target_properties(${name}_emulated PROPERTIES LINKER_LANGUAGE CXX)
  endif()
endfunction()
