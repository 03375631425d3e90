// The Euler step of the Langevin diffusion that leaves exp(-Phi(xi) - |xi|^2/2) invariant:
//
//     xi' = xi - h C (xi + grad Phi(xi)) + sqrt(2 h) C^{1/2} w.
#pragma once

#include "m4dl/mcmc/concept.hpp"
#include "m4dl/mcmc/metric.hpp"

namespace m4dl {

inline void langevin_proposal(ChainState& s, const Metric& metric, const Random& random,
                              std::uint64_t step, const Lanes& h) {
    random.normals(Stream::kProposal, step, s.noise);
    const Lanes spread = (2.0 * h).sqrt();
    for_rows(s.xi.rows(), [&](Index k) {
        s.proposal.row(k) = s.xi.row(k) -
                            (h * metric.multiply(k)) * (s.xi.row(k) + s.gradient.row(k)) +
                            (spread * metric.square_root(k)) * s.noise.row(k);
    });
}

}  // namespace m4dl
