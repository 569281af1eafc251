# What the builds of both packages share. To be included before project().
if(NOT CMAKE_CXX_COMPILER)
  find_program(clang NAMES clang++-19)  # what the rest is built with and measured by
  if(clang)
    set(CMAKE_CXX_COMPILER ${clang})
    string(REPLACE clang++ clang CMAKE_C_COMPILER ${clang})
  endif()
endif()

# install_licences(folder packages...): ours, and those of what a wheel holds of these packages of Debian.
function(install_licences folder)
  install(FILES ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../LICENSE DESTINATION ${folder} RENAME zkvm COMPONENT python)
  foreach(package ${ARGN})
    if(EXISTS /usr/share/doc/${package}/copyright)
      install(FILES /usr/share/doc/${package}/copyright DESTINATION ${folder} RENAME ${package} COMPONENT python)
    endif()
  endforeach()
endfunction()
