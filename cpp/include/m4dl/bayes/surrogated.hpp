// The surrogate as a density around a density, which it asks within its ball alone.
#pragma once

#include <memory>

#include "m4dl/bayes/density.hpp"
#include "m4dl/bayes/surrogate.hpp"

namespace m4dl {

class Surrogated final : public CurvedDensity {
public:
    // `offset`: the inner density's phi at the surrogate's centre.
    Surrogated(std::unique_ptr<CurvedDensity> inner, std::shared_ptr<const Surrogate> surrogate,
               const Lanes& offset)
        : inner_(std::move(inner)),
          surrogate_(std::move(surrogate)),
          work_(surrogate_->workspace(offset)) {}

    Index white() const override { return surrogate_->white(); }
    Lanes phi(const Block& xi) override {
        return surrogate_->value(inner_->phi(surrogate_->inside(xi, work_)), work_);
    }
    Lanes phi(const Block& xi, Block& gradient) override {
        const Lanes phi = inner_->phi(surrogate_->inside(xi, work_), gradient);
        const Lanes value = surrogate_->value(phi, work_);
        surrogate_->gradient(gradient, work_);
        return value;
    }
    void gauss_newton(const Block& dxi, Block& out) override {
        inner_->gauss_newton(dxi, out);
        surrogate_->gauss_newton(dxi, out, work_);
    }
    Here here() const override { return inner_->here(); }
    const Block& theta(const Block& xi) override { return inner_->theta(xi); }
    const Block& predict(const Block& xi) override {
        return inner_->predict(surrogate_->inside(xi, work_));
    }
    Lanes iterations() const override { return inner_->iterations(); }

private:
    std::unique_ptr<CurvedDensity> inner_;
    std::shared_ptr<const Surrogate> surrogate_;
    Surrogate::Workspace work_;
};

}  // namespace m4dl
