// A race on purpose: built with the thread sanitizer alone, where this test must fail. It shows that
// threads of OpenMP are watched in the loops of base/parallel, so that silence elsewhere means something.
#include "m4dl/base/parallel.hpp"

int main() {
    m4dl::Index sum = 0;
    m4dl::parallel_for(1000, 4, [&](m4dl::Index k) { sum += k; });
    return 0;
}
