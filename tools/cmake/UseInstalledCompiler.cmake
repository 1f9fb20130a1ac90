# nncc as a part of another project, without building the compiler: the program NNCC_EXECUTABLE runs on the machine that builds, the
# runtime archive is compiled for whatever the project is compiled for. So cross-compiled projects may use add_subdirectory(nncc) too.
find_program(NNCC_EXECUTABLE nncc NO_CMAKE_FIND_ROOT_PATH DOC "nncc for the machine that builds")
if(NOT NNCC_EXECUTABLE)
  message(FATAL_ERROR "This project is cross-compiled, and nncc has to run on the machine that builds: install it there, or build it \
in a build of its own, and say where it is with -DNNCC_EXECUTABLE=/path/to/nncc")
endif()
execute_process(COMMAND ${NNCC_EXECUTABLE} --version OUTPUT_VARIABLE version ERROR_VARIABLE version RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR NOT version MATCHES "^nncc ${PROJECT_VERSION} ")
  string(STRIP "${version}" version)
  message(FATAL_ERROR "NNCC_EXECUTABLE=${NNCC_EXECUTABLE} is not nncc ${PROJECT_VERSION}, which these sources are: ${version}${status}")
endif()
message(STATUS "Using ${NNCC_EXECUTABLE}")
add_executable(nncc::nncc IMPORTED GLOBAL)
set_target_properties(nncc::nncc PROPERTIES IMPORTED_LOCATION "${NNCC_EXECUTABLE}")
include(${CMAKE_CURRENT_LIST_DIR}/NnccAddModel.cmake)
add_subdirectory(runtime)
