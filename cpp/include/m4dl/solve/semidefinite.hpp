// What can be proven about A(c) = A_0 + sum_k c_k A_k from its parts alone.
#pragma once

#include "m4dl/solve/affine_operator.hpp"

namespace m4dl {

// Whether A_0 and all A_k are seen to be positive semidefinite: by diagonal dominance, or by the
// eigenvalues of a part with few rows. False means that it is not known.
bool parts_are_semidefinite(const LowerPattern& pattern, const Vector& a0, const SparseRows& terms);

}  // namespace m4dl
