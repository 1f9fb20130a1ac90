// nncc: the compiler's command line; everything is in lib/driver.
#include "lib/driver/CommandLine.h"

int main(int argc, char **argv) { return nncc::runCommandLine(argc, argv); }
