// All that a kernel sees of a posterior, at work on one block of chains: exp(-phi(z)) N(z; 0, I).
// What is put around a density, such as a change of variables or a surrogate, is one itself.
#pragma once

#include "m4dl/base/block.hpp"

namespace m4dl {

// What the last evaluation made, until the next.
struct Here {
    const Block &theta, &y;  // parameters, and the model's predictions of them
};

class Density {
public:
    virtual ~Density() = default;

    virtual Index white() const = 0;
    virtual Lanes phi(const Block& z) = 0;
    virtual Lanes phi(const Block& z, Block& gradient) = 0;
    virtual Here here() const = 0;
    // Only the parameters at z, or only the predictions; valid until the next call.
    virtual const Block& theta(const Block& z) = 0;
    virtual const Block& predict(const Block& z) = 0;
    // Of the model's solver, in the last solve of the last call.
    virtual Lanes iterations() const = 0;

    // The prior's white noise at z, and z <- z(xi): one and the same without a change of variables.
    virtual const Block& prior_noise(const Block& z) { return z; }
    virtual void from_prior_noise(Block&) {}
    // Phi in the prior's white noise, at z where phi(z) is known.
    virtual Lanes misfit(const Block&, const Lanes& phi) { return phi; }
};

// A density that optimisers see too.
class CurvedDensity : public Density {
public:
    // out = the Gauss-Newton matrix at the point of the last phi, times dz.
    virtual void gauss_newton(const Block& dz, Block& out) = 0;
};

}  // namespace m4dl
