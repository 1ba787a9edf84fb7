# SPDX-License-Identifier: MIT
# find_package(percpu COMPONENTS rseq): one imported target, percpu::<component>, for each
# component that is asked for, or for each that is installed.
include(CMakeFindDependencyMacro)
find_dependency(Threads)

file(GLOB percpu_installed RELATIVE "${CMAKE_CURRENT_LIST_DIR}" "${CMAKE_CURRENT_LIST_DIR}/percpu-*.cmake")
list(TRANSFORM percpu_installed REPLACE "^percpu-(.*)\\.cmake$" "\\1")
if(percpu_FIND_COMPONENTS)
  set(percpu_wanted ${percpu_FIND_COMPONENTS})
else()
  set(percpu_wanted ${percpu_installed})
endif()

foreach(percpu_component IN LISTS percpu_wanted)
  if(percpu_component IN_LIST percpu_installed)
    include("${CMAKE_CURRENT_LIST_DIR}/percpu-${percpu_component}.cmake")
    set(percpu_${percpu_component}_FOUND TRUE)
  elseif(percpu_FIND_REQUIRED_${percpu_component})
    set(percpu_FOUND FALSE)
    string(JOIN ", " percpu_list ${percpu_installed})
    set(percpu_NOT_FOUND_MESSAGE
      "percpu has no component ${percpu_component} here; installed are: ${percpu_list}")
  endif()
endforeach()
