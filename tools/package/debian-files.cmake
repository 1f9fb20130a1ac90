# Runs on CPack's staging folder before a Debian package is closed: what Debian's policy wants beyond `cmake --install`.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(usr "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr")
set(doc "${usr}/share/doc/nncc")
if(NOT IS_DIRECTORY "${doc}")
  message(FATAL_ERROR "no folder ${doc}")
endif()

# Policy 12.5: Apache's text is on every system and is referred to; LLVM's exceptions to it are given.
file(READ "${doc}/LICENSE" license)
string(FIND "${license}" "---- LLVM Exceptions" start)
if(start EQUAL -1)
  message(FATAL_ERROR "${doc}/LICENSE has no LLVM exceptions")
endif()
string(SUBSTRING "${license}" ${start} -1 exceptions)
string(STRIP "${exceptions}" exceptions)
string(REGEX REPLACE "\n" "\n " exceptions "${exceptions}")
string(REGEX REPLACE "\n +\n" "\n .\n" exceptions "${exceptions}")
file(WRITE "${doc}/copyright" "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nncc

Files: *
Copyright: 2026 the nncc authors
License: Apache-2.0-with-LLVM-exceptions
 On Debian systems the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0; it holds with these exceptions:
 .
 ${exceptions}
 .
 The network examples/digits.onnx was trained on data of E. Alpaydin and
 C. Kaynak (UCI Machine Learning Repository, CC BY 4.0).
")
file(REMOVE "${doc}/LICENSE")

# Where Debian's Python looks.
file(MAKE_DIRECTORY "${usr}/lib/python3/dist-packages")
file(CREATE_LINK ../../../share/nncc/python/nncc "${usr}/lib/python3/dist-packages/nncc" SYMBOLIC)

# Policy 12.7 and 12.1: changelog and manual are compressed. Times are fixed, so that the same build gives the same package.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(time $ENV{SOURCE_DATE_EPOCH})
else()
  file(TIMESTAMP "${doc}/CHANGELOG.md" time "%s")
  set(ENV{SOURCE_DATE_EPOCH} ${time})
endif()
set(ENV{PERL_HASH_SEED} 0) # of dpkg-shlibdeps
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE "${doc}/changelog" "nncc (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}; CHANGELOG.md says what is new.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
foreach(file IN ITEMS ${doc}/changelog ${usr}/share/man/man1/nncc.1)
  execute_process(COMMAND gzip -9 -n -f ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

# The run path is where Debian puts LLVM's libraries, outside of the linker's own folders. One package has the compiler as a program
# and as a library. pkg-config's file names the target that is meant when no other is: the machine that the package is for.
# CPack calls ldconfig itself, beside the trigger. LLVM may be named twice (CMakeLists.txt says why).
file(WRITE "${usr}/share/lintian/overrides/nncc" "nncc: custom-library-search-path *
nncc: package-name-doesnt-match-sonames *
nncc: link-to-shared-library-in-wrong-package *
nncc: pkg-config-multi-arch-wrong-dir *
nncc: maintscript-calls-ldconfig *
")
