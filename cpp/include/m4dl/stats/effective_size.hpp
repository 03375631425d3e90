// The effective sample size of the mean of several sequences, for kLanes quantities at once.
//
// The autocorrelation time is Geyer's (Statist. Sci. 1992): for a reversible chain the sums
// P_j = rho_2j + rho_2j+1 of neighbouring autocorrelations are positive and decreasing, so the sum stops
// at the first P_m <= 0, and P_j becomes min(P_0..P_j). The spread of the sequences' means enters
// as in Vehtari, Gelman, Simpson, Carpenter, Buerkner (Bayesian Anal. 2021, section 3).
#pragma once

#include <optional>

#include "m4dl/linalg/fft.hpp"

namespace m4dl {

// Sequences of equal length that lie in one field of lanes: number k has `length` rows from starts[k].
struct Sequences {
    std::vector<Index> starts;
    Index length;

    Index count() const { return static_cast<Index>(starts.size()); }
    Index total() const { return count() * length; }
};

// The mean of some rows, corrected for the rounding of its sum: equal numbers deviate from it by zero.
Lanes mean_of(const Block& x, Index first, Index count);

class EffectiveSize {
public:
    explicit EffectiveSize(Sequences sequences);

    const Sequences& sequences() const { return sequences_; }

    // Of a field x, one number for each lane: at most S log10(S) of S draws, S where all are equal, NaN
    // where one of them is NaN or infinite.
    Lanes operator()(const Block& x);

private:
    Lanes covariance(Index lag);
    void transform();

    Sequences sequences_;
    Block centred_;           // each sequence less its mean
    std::optional<Fft> fft_;  // made when a sum has as many lags as a transform costs
    Block buffer_, covariances_;
    Index direct_;  // lags that are summed directly
    bool transformed_ = false;
};

}  // namespace m4dl
