// Chains ride in SIMD lanes: one thread advances kLanes chains in lockstep, and every scalar of the
// mathematics becomes one row of kLanes numbers.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace m4dl {

using Index = Eigen::Index;

inline constexpr Index kLanes = 8;

using Lanes = Eigen::Array<double, 1, kLanes>;  // one number per chain
using Block = Eigen::Array<double, Eigen::Dynamic, kLanes, Eigen::RowMajor>;  // one field per chain
using FloatBlock = Eigen::Array<float, Eigen::Dynamic, kLanes, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Asks the system for large pages behind memory that has not been touched yet, where it has them: a
// pass over fields beyond the cache is then about a tenth faster.
void advise_large_pages(void* data, std::size_t bytes);

// A field of zeros, in large pages if it is large.
template <class B = Block>
B zeros(Index rows) {
    B x(rows, kLanes);
    advise_large_pages(x.data(), static_cast<std::size_t>(x.size()) * sizeof(*x.data()));
    x.setZero();
    return x;
}

// <a, b> in each lane. The sum runs down the rows, so a lane's result does not depend on the others.
inline Lanes dot(const Block& a, const Block& b) { return (a * b).colwise().sum(); }

inline Lanes lanes_nan() { return Lanes::Constant(std::numeric_limits<double>::quiet_NaN()); }

}  // namespace m4dl
