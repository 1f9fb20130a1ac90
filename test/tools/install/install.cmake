# cmake --install, then find_package(nncc) and nncc_add_model() in test/tools/install/consumer, then its program.
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nexit status ${status}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
foreach(file bin/nncc include/nncc/abi.h include/nncc/runtime.h include/nncc/compiler.h lib/libnncc-compiler.so
    lib/nncc/x86_64-linux-gnu/libnncc_runtime.a lib/nncc/aarch64-linux-gnu/libnncc_runtime.a lib/nncc/include/nncc/runtime.h lib/nncc/aarch64-linux-gnu/libnncc_pool.a lib/nncc/include/nncc/vulkan.h
    lib/nncc/aarch64-linux-android/libnncc_vulkan.a
    lib/cmake/nncc/NnccAddModel.cmake share/nncc/bazel/nncc.bzl share/nncc/zephyr/zephyr/module.yml share/pkgconfig/nncc.pc share/man/man1/nncc.1 share/bash-completion/completions/nncc share/doc/nncc/examples/digits.onnx)
  if(NOT EXISTS ${WORK}/prefix/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

# Moved, the installation still works: nothing in it knows where it was built.
file(RENAME ${WORK}/prefix ${WORK}/moved)
if(SANITIZE) # libnncc-compiler.so needs the sanitizers' runtime from the program that links it
  set(flags -DCMAKE_C_FLAGS=-fsanitize=address,undefined)
endif()
run(${CMAKE_COMMAND} ${flags} -G ${GENERATOR} -S ${SOURCE}/test/tools/install/consumer -B ${WORK}/consumer -DCMAKE_C_COMPILER=${CC}
  -DCMAKE_PREFIX_PATH=${WORK}/moved -DDEMO=${SOURCE}/tools/demo)
run(${CMAKE_COMMAND} --build ${WORK}/consumer)
run(${WORK}/consumer/program)
if(NOT output MATCHES "digits: 64 floats in, 10 out, all is well")
  message(FATAL_ERROR "the program said: ${output}")
endif()
run(${WORK}/consumer/version)
if(NOT output MATCHES "compiler [0-9]+\\.[0-9]+\\.[0-9]+")
  message(FATAL_ERROR "the compiler said: ${output}")
endif()
