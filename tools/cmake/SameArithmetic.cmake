# The compiler's own float arithmetic gives the same bits on any host. Compilers contract a * b + c into one fused operation, rounded
# once, where the host has one, by which folded constants, tables and scales would differ in their last bit, and libraries with them.
# Only x86-64 without FMA has none: there the option would do nothing but compile every object anew.
include(CheckCXXSourceCompiles)
check_cxx_source_compiles("
#if !defined(__x86_64__) || defined(__FMA__) || defined(__FMA4__)
#error a product and a sum may be fused
#endif
int main() { return 0; }" NNCC_HOST_ROUNDS_PRODUCTS)
if(NOT NNCC_HOST_ROUNDS_PRODUCTS)
  add_compile_options(-ffp-contract=off)
endif()
