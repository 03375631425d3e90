// Diagonals of (A^{-1} M)^k A^{-1}, M diagonal, from a sparse factor and without a single solve:
// the pointwise variances of Matern fields.
//
// They are Taylor coefficients of an inverse,
//
//     (A + s M)^{-1} = sum_k (-s)^k (A^{-1} M)^k A^{-1},
//
// and the entries of an inverse on the pattern of the factor follow from the factor alone, the last
// columns first (Takahashi, Fagan, Chin 1973; by supernodes Lin et al., ACM TOMS 37, 2011). Here
// every number of that recursion is a power series in s, cut off after s^k: the diagonals cost
// about 4 (k+1)(k+2) times as much as the factor, where solves cost one sweep for each unknown.
#pragma once

#include <memory>
#include <vector>

#include "m4dl/linalg/cholesky.hpp"

namespace m4dl {

class SelectedInverse {
public:
    // `values`: entries of A on `pattern`; `mass`: the diagonal of M; `power`: k. Throws where A is
    // not positive definite.
    SelectedInverse(const LowerPattern& pattern, const Vector& values, const Matrix& coordinates,
                    Vector mass, Index power);

    // Multiply-adds of the whole computation, and of what is left of it.
    double work() const { return work_; }
    double left() const { return left_; }
    // Does the next part of it, about `work` multiply-adds.
    void advance(double work);

    // The diagonal once nothing is left, in the original order of the unknowns.
    const Vector& diagonal() const { return diagonal_; }

private:
    // Power series of dense matrices by rows: coefficient k is at data() + k * rows * columns.
    using Series = std::vector<double>;

    // What a supernode's columns J with rows R below know of each other, F the front of A(s):
    struct Eliminated {
        Series inverse;  // F_JJ^{-1}
        Series below;    // F_RJ F_JJ^{-1}
    };

    void eliminate(Index q);
    void assemble(Index q, Series& jj, Series& rj, Series& rr);
    void invert(Index q);
    double cost(Index q) const;

    std::shared_ptr<const Symbolic> symbolic_;
    Cholesky<1> factor_;
    Vector mass_;
    Index terms_;
    std::vector<Index> parent_;
    std::vector<Eliminated> eliminated_;
    std::vector<Series> updates_;   // Schur complements, until the parent has taken them
    std::vector<Series> inverses_;  // of whole fronts, until the last child has taken its own
    Index next_ = 0;                // nodes in order, then back again
    double work_ = 0, left_ = 0;
    Vector diagonal_;
};

}  // namespace m4dl
