// A density seen in the white noise z of a reference, in the place of the prior's xi(z):
//
//     Psi(z) = Phi(xi) + |xi|^2/2 - |z|^2/2,    grad Psi(z) = C^{1/2} (grad Phi(xi) + xi) - z.
#pragma once

#include <memory>

#include "m4dl/bayes/density.hpp"
#include "m4dl/bayes/reference.hpp"

namespace m4dl {

class Referred final : public Density {
public:
    Referred(Density& inner, const Reference& reference)
        : inner_(inner),
          reference_(reference),
          xi_(zeros(inner.white())),
          work_(reference.workspace()) {}

    Index white() const override { return inner_.white(); }
    Lanes phi(const Block& z) override {
        const Lanes value = inner_.phi(prior_noise(z));
        return value + excess(xi_, z);
    }
    Lanes phi(const Block& z, Block& gradient) override {
        const Lanes value = inner_.phi(prior_noise(z), gradient);
        const Lanes psi = value + excess(xi_, z);
        gradient += xi_;
        reference_.pull(gradient, work_);
        gradient -= z;
        return psi;
    }
    Here here() const override { return inner_.here(); }
    const Block& theta(const Block& z) override { return inner_.theta(prior_noise(z)); }
    const Block& predict(const Block& z) override { return inner_.predict(prior_noise(z)); }
    Lanes iterations() const override { return inner_.iterations(); }

    const Block& prior_noise(const Block& z) override {
        reference_.push(z, xi_, work_);
        return xi_;
    }
    void from_prior_noise(Block& xi) override { reference_.invert(xi, work_); }
    Lanes misfit(const Block& z, const Lanes& psi) override {
        return psi - excess(prior_noise(z), z);
    }

private:
    Density& inner_;
    const Reference& reference_;
    Block xi_;
    Reference::Workspace work_;
};

// A density and the white noise in which it is seen, the prior's (null) or a reference's.
class Seen {
public:
    Seen(std::unique_ptr<Density> density, std::shared_ptr<const Reference> reference)
        : density_(std::move(density)) {
        refer(std::move(reference));
    }

    Density& operator*() const { return referred_ ? *referred_ : *density_; }
    Density* operator->() const { return &**this; }

    void refer(std::shared_ptr<const Reference> reference) {
        referred_.reset();
        reference_ = std::move(reference);
        if (reference_) referred_ = std::make_unique<Referred>(*density_, *reference_);
    }
    void replace(std::unique_ptr<Density> density) {
        density_ = std::move(density);
        refer(reference_);
    }

private:
    std::unique_ptr<Density> density_;
    std::shared_ptr<const Reference> reference_;
    std::unique_ptr<Referred> referred_;
};

}  // namespace m4dl
